#include "sim/observation.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "sim/random.h"

#define REF_FIRST 0x80a22 /* 80q22 */
#define UNKNOWN_EVERY 50  /* one in so many actions is unknown */
#define TIE_EVERY 20      /* one in so many changes has no new version */

struct kind {
    const char *code;      /* of the type */
    const char *name;      /* in the title */
    const char *work_type; /* NULL: not in a workflow */
};

/* Objects are of these kinds in turn. */
static const struct kind kinds[] = {
    {"dc:attribute:student", "Student", NULL},
    {"std:type:book", "Book", NULL},
    {"example:type:thesis", "Thesis", "example:thesis"},
    {"std:type:project", "Project", NULL},
    {"example:type:ethics-application", "Ethics application", "example:ethics"},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static const char *const states[] = {"draft", "submitted", "examined",
                                     "approved"};
#define STATE_COUNT (sizeof states / sizeof states[0])

struct object {
    uint64_t index;          /* which object of the queue */
    uint64_t version;        /* its recordVersion */
    bool is_first;           /* it was created */
    const struct kind *kind; /* what it is */
};

/* Haplo writes numbers as hexadecimal digits, with other letters. */
static void ref_write(struct sim_buffer *to, uint64_t index)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%llx",
                        (unsigned long long)(REF_FIRST + index));
    for (int i = 0; i < size; i++) {
        if (text[i] >= 'a') {
            text[i] = "qvwxyz"[text[i] - 'a'];
        }
    }
    sim_buffer_add(to, text, (size_t)size);
}

/* In each round every object has one message, beginning anywhere. */
static struct object object_of(const struct sim_observed *what,
                               struct sim_random *random)
{
    uint64_t round = (what->number - 1) / what->object_count;
    struct sim_random of_round =
        sim_random_named(what->seed, what->app, "round", round);
    uint64_t start = sim_random_below(&of_round, what->object_count);
    struct object object = {
        .index = (what->number - 1 + start) % what->object_count,
        .version = round + 1,
        .is_first = round == 0,
    };
    object.kind = &kinds[object.index % KIND_COUNT];
    if (round > 0 && sim_random_below(random, TIE_EVERY) == 0) {
        object.version--;
    }
    return object;
}

static void unknown_write(struct sim_buffer *to, uint64_t number)
{
    sim_buffer_format(to,
                      "{\"action\":\"example:audit\",\"operation\":\"export\","
                      "\"entries\":[%llu,null,{\"by\":\"plugin\"}]}",
                      (unsigned long long)number);
}

static void workflows_write(struct sim_buffer *to, const struct object *object)
{
    uint64_t state = (object->version - 1) % STATE_COUNT;
    sim_buffer_format(to,
                      ",\"workflows\":[{\"workType\":\"%s\",\"state\":\"%s\","
                      "\"closed\":%s,\"documents\":{\"form\":{\"version\":%llu,"
                      "\"answers\":[\"yes\",null]}}}]",
                      object->kind->work_type, states[state],
                      state == STATE_COUNT - 1 ? "true" : "false",
                      (unsigned long long)object->version);
}

static void attributes_write(struct sim_buffer *to, const struct object *object,
                             struct sim_random *random)
{
    unsigned year = 1990 + (unsigned)sim_random_below(random, 36);
    sim_buffer_format(to,
                      ",\"attributes\":{\"dc:attribute:type\":[{\"type\":"
                      "\"link\",\"ref\":\"80w%llu\"}],\"dc:attribute:title\":"
                      "[{\"type\":\"text\",\"value\":\"%s %llu\"}],"
                      "\"dc:attribute:date\":[{\"type\":\"datetime\","
                      "\"value\":\"%u-%02u\"}],\"dc:attribute:author\":["
                      "{\"type\":\"link\",\"ref\":\"",
                      (unsigned long long)(object->index % KIND_COUNT),
                      object->kind->name, (unsigned long long)object->index,
                      year, 1 + (unsigned)sim_random_below(random, 12));
    ref_write(to, sim_random_below(random, 1000));
    sim_buffer_text(to, "\"}]");
}

/* Fills the attributes up to the size, less what still follows. */
static void padding_write(struct sim_buffer *to, size_t start, size_t size,
                          struct sim_random *random)
{
    static const char head[] =
        ",\"example:attribute:abstract\":[{\"type\":\"text\",\"value\":\"";
    size_t used = to->size - start + sizeof head + sizeof "\"}]}}}";
    if (size <= used) {
        return;
    }
    sim_buffer_text(to, head);
    char *text = sim_buffer_reserve(to, size - used + 1);
    sim_random_letters(random, text, size - used);
    to->size += size - used;
    sim_buffer_text(to, "\"}]");
}

static void object_write(struct sim_buffer *to, size_t start,
                         const struct sim_observed *what,
                         const struct object *object, struct sim_random *random)
{
    sim_buffer_text(to, ",\"object\":{\"kind\":\"haplo:object:0\",\"ref\":\"");
    ref_write(to, object->index);
    sim_buffer_format(to,
                      "\",\"recordVersion\":%llu,\"type\":{\"code\":\"%s\"},"
                      "\"url\":\"https://%s.example/",
                      (unsigned long long)object->version, object->kind->code,
                      what->app);
    ref_write(to, object->index);
    sim_buffer_format(to, "\",\"title\":\"%s %llu\"", object->kind->name,
                      (unsigned long long)object->index);
    if (object->kind->work_type != NULL) {
        workflows_write(to, object);
    }
    attributes_write(to, object, random);
    padding_write(to, start, (size_t)what->size, random);
    sim_buffer_text(to, "}}}");
}

void sim_observation_generate(struct sim_buffer *to,
                              const struct sim_observed *what)
{
    static const char *const operations[] = {"update", "update", "update",
                                             "relabel"};
    size_t start = to->size;
    struct sim_random random =
        sim_random_named(what->seed, what->app, what->queue, what->number);
    struct object object = object_of(what, &random);
    if (sim_random_below(&random, UNKNOWN_EVERY) == 0) {
        unknown_write(to, what->number);
        return;
    }
    if (object.kind->work_type != NULL && !object.is_first &&
        sim_random_below(&random, 2) == 0) {
        sim_buffer_text(to, "{\"action\":\"workflow:transition\"");
    } else {
        sim_buffer_format(
            to, "{\"action\":\"object:change\",\"operation\":\"%s\"",
            object.is_first ? "create"
                            : operations[sim_random_below(&random, 4)]);
    }
    object_write(to, start, what, &object, &random);
}
