/*
 * micro_inbox.c - what storing takes: groups as the group commit makes them,
 * written by the SQLite store's writer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/delivery_state.h"
#include "inbox/sqlite/group_write.h"
#include "micro.h"

#define GROUP_BATCHES 64

/* What was made beforehand for one group, so that only storing is counted. */
struct round {
    char *states[GROUP_BATCHES];    /* owned: of its batches */
    size_t sizes[GROUP_BATCHES];    /* of those */
    char *confirmed[GROUP_BATCHES]; /* the same after their marks */
    size_t confirmed_size;          /* of each */
};

struct scene {
    struct writer writer;                            /* open */
    struct inbox_queue queues[GROUP_BATCHES];        /* one for each batch */
    char names[GROUP_BATCHES][16];                   /* of those */
    struct batch *batch;                             /* the same for all */
    struct inbox_delivery deliveries[GROUP_BATCHES]; /* of a group */
    struct inbox_confirm confirms[GROUP_BATCHES];    /* the same */
    struct round *rounds;                            /* owned */
};

static char *copy(const void *data, size_t size)
{
    char *bytes = malloc(size + 1);
    if (bytes == NULL) {
        micro_fail("out of memory");
    }
    memcpy(bytes, data, size);
    return bytes;
}

/* The states of one queue, in all rounds. Each batch is confirmed before the
 * next, so that all of its messages are new. */
static void queue_prepare(struct scene *scene, int index, uint64_t count)
{
    struct delivery_state known = {.generation = 0};
    uint8_t bytes[STATE_HEAD_SIZE];
    for (uint64_t i = 0; i < count; i++) {
        struct round *round = &scene->rounds[i];
        uint64_t salt = i * 1000 + (uint64_t)index * 2 + 1;
        size_t dropped;
        if (delivery_state_evaluate(&known, scene->batch, salt, &dropped) !=
            0) {
            micro_fail("out of memory");
        }
        round->sizes[index] = scene->batch->state_size;
        round->states[index] =
            copy(scene->batch->state, scene->batch->state_size);
        delivery_state_accept(&known, scene->batch);
        struct haplo_slice state =
            delivery_state_confirm(&known, scene->batch, true, salt + 1, bytes);
        round->confirmed[index] = copy(state.data, state.size);
        round->confirmed_size = state.size;
    }
    delivery_state_free(&known);
}

static void scene_make(struct scene *scene, uint64_t count)
{
    static char path[4096];
    memset(scene, 0, sizeof *scene);
    (void)snprintf(path, sizeof path, "%s/inbox.db", micro_folder);
    scene->writer.path = path;
    scene->writer.used_by = "a benchmark";
    if (writer_open(&scene->writer) != 0) {
        micro_fail(scene->writer.why.text);
    }
    micro_load_body();
    scene->batch = batch_new();
    micro_read_body(scene->batch);
    scene->rounds = calloc(count, sizeof *scene->rounds);
    for (int i = 0; i < GROUP_BATCHES; i++) {
        (void)snprintf(scene->names[i], sizeof scene->names[i], "q%d", i);
        scene->queues[i].server = "server";
        scene->queues[i].name = scene->names[i];
        queue_prepare(scene, i, count);
    }
}

static void group_init(struct inbox_group *group)
{
    memset(group, 0, sizeof *group);
    STAILQ_INIT(&group->deliveries);
    STAILQ_INIT(&group->confirms);
    STAILQ_INIT(&group->replaces);
    STAILQ_INIT(&group->progress);
}

static void group_run(struct scene *scene, struct inbox_group *group)
{
    group_write(&scene->writer, group);
    if (group->fault != INBOX_FINE) {
        micro_fail(group->why.text);
    }
    if (scene->writer.wal_frames > 2048) {
        writer_checkpoint(&scene->writer); /* else the helper's */
    }
}

static void batches_write(struct scene *scene, const struct round *round)
{
    struct inbox_group group;
    group_init(&group);
    for (int i = 0; i < GROUP_BATCHES; i++) {
        struct inbox_delivery *delivery = &scene->deliveries[i];
        *delivery = (struct inbox_delivery){
            .queue = &scene->queues[i],
            .fetched_at_ms = 1767225600000,
            .messages = scene->batch->messages,
            .count = scene->batch->message_count,
            .new_count = scene->batch->message_count,
            .queue_id = scene->queues[i].id,
            .state = {round->states[i], round->sizes[i]}};
        STAILQ_INSERT_TAIL(&group.deliveries, delivery, link);
    }
    group_run(scene, &group);
    for (int i = 0; i < GROUP_BATCHES; i++) {
        if (scene->deliveries[i].stored_count != 16) {
            micro_fail("a message was not stored");
        }
        scene->queues[i].id = scene->deliveries[i].queue_id;
    }
}

static void confirms_write(struct scene *scene, const struct round *round)
{
    struct inbox_group group;
    group_init(&group);
    for (int i = 0; i < GROUP_BATCHES; i++) {
        scene->confirms[i] = (struct inbox_confirm){
            .queue = &scene->queues[i],
            .state = {round->confirmed[i], round->confirmed_size},
            .message_count = 16,
            .queue_id = scene->queues[i].id};
        STAILQ_INSERT_TAIL(&group.confirms, &scene->confirms[i], link);
    }
    group_run(scene, &group);
}

/* Both are written in turns, as in life; one of them is counted. */
static void rounds_run(uint64_t count, bool is_confirm)
{
    static struct scene scene;
    scene_make(&scene, 2 * count);
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count && !is_confirm) {
            micro_begin();
        }
        batches_write(&scene, &scene.rounds[i]);
        if (i == 2 * count - 1 && !is_confirm) {
            break;
        }
        if (i == 2 * count - 1) {
            micro_begin();
        }
        confirms_write(&scene, &scene.rounds[i]);
    }
    micro_end(is_confirm ? GROUP_BATCHES : count * GROUP_BATCHES * 16);
    writer_close(&scene.writer);
}

/* With its batch's share of the confirmed state. */
void micro_inbox_message(uint64_t count)
{
    rounds_run(count, false);
}

void micro_inbox_confirm(uint64_t count)
{
    rounds_run(count, true);
}
