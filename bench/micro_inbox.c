/*
 * micro_inbox.c - the cost of storing: the ledger rules, and SQLite.
 */
#include <stdio.h>
#include <string.h>

#include "micro.h"
#include "sinks/group_write.h"
#include "sinks/inbox_kind.h"
#include "sinks/ledger_rules.h"

#define GROUP_BATCHES 64

/* -- The inbox ------------------------------------------------------------ */

struct group_scene {
    struct record_store *store;
    struct record_queue_set queues;
    struct sink sink;
    struct haplo_batch *batches[GROUP_BATCHES];     /* one of each queue */
    struct sink_delivery deliveries[GROUP_BATCHES]; /* of those */
};

static struct record_queue *group_queue(struct group_scene *scene, int index)
{
    char name[16];
    (void)snprintf(name, sizeof name, "q%d", index);
    struct record_queue *queue =
        record_queue_get(&scene->queues, &scene->sink, "server", name);
    if (queue == NULL) {
        micro_fail("out of memory");
    }
    return queue;
}

static void group_scene_make(struct group_scene *scene)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    char path[4096];
    memset(scene, 0, sizeof *scene);
    (void)snprintf(path, sizeof path, "%s/inbox.db", micro_folder);
    if (record_store_open(&inbox_kind, path, &scene->store, why, sizeof why) !=
        0) {
        micro_fail(why);
    }
    for (int i = 0; i < GROUP_BATCHES; i++) {
        scene->batches[i] = batch_new();
        micro_read_body(scene->batches[i]);
    }
}

/* Each batch starts a new epoch, so that all of its messages are new. */
static void batches_write(struct group_scene *scene, uint64_t epoch)
{
    struct record_group group = {.part_count = 0};
    struct record_delivery_list line = {.first = NULL};
    for (int i = 0; i < GROUP_BATCHES; i++) {
        scene->batches[i]->epoch = epoch;
        scene->deliveries[i] =
            (struct sink_delivery){.queue = &group_queue(scene, i)->base,
                                   .batch = scene->batches[i],
                                   .received_at_ms = 1767225600000};
        record_delivery_push(&line, &scene->deliveries[i]);
    }
    record_group_take(&group, &line, SIZE_MAX);
    group_write(&group, scene->store, NULL);
    if (group.fault != RECORD_FINE || group.part_count != GROUP_BATCHES ||
        scene->deliveries[0].stored_count != 16) {
        micro_fail(scene->store->why);
    }
}

void micro_inbox_message(uint64_t count)
{
    static struct group_scene scene;
    micro_load_body();
    group_scene_make(&scene);
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            micro_begin();
        }
        batches_write(&scene, i);
    }
    micro_end(count * GROUP_BATCHES * 16);
    record_store_close(scene.store);
}

static void epochs_write(struct group_scene *scene, uint64_t epoch)
{
    struct record_group group = {.part_count = 0};
    struct record_queue_list line = {.first = NULL};
    for (int i = 0; i < GROUP_BATCHES; i++) {
        struct record_queue *queue = group_queue(scene, i);
        queue->base.ledger.epoch = epoch;
        record_queue_push(&line, queue);
    }
    record_group_take_confirmed(&group, &line);
    group_write(&group, scene->store, NULL);
    if (group.fault != RECORD_FINE || group.part_count != GROUP_BATCHES) {
        micro_fail(scene->store->why);
    }
    while (record_queue_shift(&group.confirmed) != NULL) {
        /* so that they can be listed again */
    }
}

void micro_inbox_epoch(uint64_t count)
{
    static struct group_scene scene;
    micro_load_body();
    group_scene_make(&scene);
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            micro_begin();
        }
        epochs_write(&scene, i + 1);
    }
    micro_end(count * GROUP_BATCHES);
    record_store_close(scene.store);
}

/* -- The ledger's rules, over a record that does nothing ------------------ */

static int record_do_nothing(void *record)
{
    (void)record;
    return 0;
}

static int record_take_back(void *record, const uint8_t key[LEDGER_KEY_SIZE],
                            bool *was_there)
{
    (void)record;
    (void)key;
    *was_there = false;
    return 0;
}

static int record_add(void *record, size_t index,
                      const uint8_t key[LEDGER_KEY_SIZE], bool *is_new)
{
    (void)record;
    (void)index;
    (void)key;
    *is_new = true;
    return 0;
}

static int record_find(void *record, bool *found)
{
    (void)record;
    *found = false;
    return 0;
}

void micro_ledger_message(uint64_t count)
{
    static const struct ledger_ops ops = {.carry_over = record_do_nothing,
                                          .take_back = record_take_back,
                                          .add = record_add,
                                          .find_leftovers = record_find,
                                          .raise_epoch = record_do_nothing};
    struct haplo_batch *batch = batch_new();
    micro_load_body();
    micro_read_body(batch);
    for (uint64_t i = 0; i < 2 * count; i++) {
        struct ledger_batch ledger = {.messages = batch->messages,
                                      .count = batch->message_count,
                                      .epoch = i};
        if (i == count) {
            micro_begin();
        }
        if (ledger_add_batch(&ops, batch, &ledger) != 0 ||
            ledger.new_count != 16) {
            micro_fail("the ledger's rules failed");
        }
    }
    micro_end(count * 16);
}
