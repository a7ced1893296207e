#include "sim/message.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/json.h"
#include "sim/memory.h"
#include "sim/random.h"

#define MEMBER_DEPTH 3 /* indentation of members in a fetch response */

struct member {
    const char *name; /* borrowed; a JSON string, quotes included */
    size_t name_size;
    const char *value; /* borrowed; any JSON value */
    size_t value_size;
};

struct members {
    struct member *list; /* owned */
    size_t count;
    size_t capacity;
    char *names; /* owned; "0", "1"... of an array's elements */
};

void sim_date_format(int64_t date_s, char to[SIM_DATE_SIZE])
{
    time_t seconds = (time_t)date_s;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(to, SIM_DATE_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* Sets a member. An existing name keeps its position, as in JavaScript. */
static void members_set(struct members *members, struct member member)
{
    for (size_t i = 0; i < members->count; i++) {
        struct member *old = &members->list[i];
        if (old->name_size == member.name_size &&
            memcmp(old->name, member.name, member.name_size) == 0) {
            *old = member;
            return;
        }
    }
    sim_reserve((void **)&members->list, &members->capacity, members->count + 1,
                sizeof *members->list);
    members->list[members->count++] = member;
}

static const char *members_read_one(struct members *members, const char *at,
                                    const char *end, struct member member)
{
    const char *stop = sim_json_skip(at, end);
    member.value = at;
    member.value_size = (size_t)(stop - at);
    members_set(members, member);
    return *stop == ',' ? sim_json_blank(stop + 1, end) : stop;
}

static void members_read_object(struct members *members, const char *at,
                                const char *end)
{
    at = sim_json_blank(at + 1, end);
    while (*at != '}') {
        const char *name_end = sim_json_skip(at, end);
        const char *colon = name_end;
        while (name_end[-1] != '"') {
            name_end--;
        }
        struct member member = {.name = at,
                                .name_size = (size_t)(name_end - at)};
        at = sim_json_blank(colon + 1, end);
        at = members_read_one(members, at, end, member);
    }
}

#define INDEX_SIZE 24 /* bytes of an array index in quotes */

static void members_read_array(struct members *members, const char *at,
                               const char *end)
{
    struct sim_buffer name = {0};
    members->names = sim_new((size_t)(end - at) * INDEX_SIZE);
    char *names = members->names;
    at = sim_json_blank(at + 1, end);
    for (size_t i = 0; *at != ']'; i++) {
        name.size = 0;
        sim_buffer_format(&name, "\"%zu\"", i);
        memcpy(names, name.bytes, name.size);
        struct member member = {.name = names, .name_size = name.size};
        names += name.size;
        at = members_read_one(members, at, end, member);
    }
    sim_buffer_free(&name);
}

/* The value of an integer name, or -1. JavaScript orders these first, by
 * number. */
static long long member_index(const struct member *member)
{
    if (member->name_size < 3 || member->name_size > 11 ||
        (member->name[1] == '0' && member->name_size > 3)) {
        return -1;
    }
    long long index = 0;
    for (size_t i = 1; i + 1 < member->name_size; i++) {
        if (member->name[i] < '0' || member->name[i] > '9') {
            return -1;
        }
        index = index * 10 + (member->name[i] - '0');
    }
    return index;
}

static int member_compare(const void *a, const void *b)
{
    long long left = member_index(*(const struct member *const *)a);
    long long right = member_index(*(const struct member *const *)b);
    return (left > right) - (left < right);
}

static void member_write(struct sim_buffer *to, const struct member *member,
                         bool first)
{
    sim_buffer_text(to, first ? "\n      " : ",\n      ");
    sim_buffer_add(to, member->name, member->name_size);
    sim_buffer_text(to, ": ");
    sim_json_indent(to, member->value, member->value + member->value_size,
                    MEMBER_DEPTH);
}

static void members_write(struct sim_buffer *to, const struct members *members)
{
    const struct member **integers =
        sim_new((members->count + 1) * sizeof(struct member *));
    size_t integer_count = 0;
    for (size_t i = 0; i < members->count; i++) {
        if (member_index(&members->list[i]) >= 0) {
            integers[integer_count++] = &members->list[i];
        }
    }
    qsort(integers, integer_count, sizeof(struct member *), member_compare);
    bool first = true;
    sim_buffer_text(to, "{");
    for (size_t i = 0; i < integer_count; i++, first = false) {
        member_write(to, integers[i], first);
    }
    for (size_t i = 0; i < members->count; i++) {
        if (member_index(&members->list[i]) < 0) {
            member_write(to, &members->list[i], first);
            first = false;
        }
    }
    sim_buffer_text(to, "\n    }");
    free(integers);
}

static void message_render(struct sim_message *message)
{
    char id[24];
    char date[SIM_DATE_SIZE + 2] = "\"";
    struct members members = {0};
    struct sim_buffer text = {0};
    sim_buffer_format(&text, "%llu", (unsigned long long)message->id);
    memcpy(id, text.bytes, text.size);
    members_set(&members, (struct member){"\"id\"", 4, id, text.size});
    sim_date_format(message->date_s, date + 1);
    strcat(date, "\"");
    members_set(&members,
                (struct member){"\"datetime\"", 10, date, strlen(date)});
    const char *end = message->data + message->data_size;
    if (message->data[0] == '{') {
        members_read_object(&members, message->data, end);
    } else if (message->data[0] == '[') {
        members_read_array(&members, message->data, end);
    }
    text.size = 0;
    members_write(&text, &members);
    message->bytes = sim_copy(text.bytes, text.size);
    message->size = text.size;
    free(members.list);
    free(members.names);
    sim_buffer_free(&text);
}

struct sim_message *sim_message_new(uint64_t id, int64_t date_s,
                                    const char *data, size_t size)
{
    struct sim_message *message = sim_new(sizeof *message);
    struct sim_buffer compact = {0};
    sim_json_compact(&compact, data, data + size);
    message->id = id;
    message->date_s = date_s;
    message->data = sim_copy(compact.bytes, compact.size);
    message->data_size = compact.size;
    message_render(message);
    sim_buffer_free(&compact);
    return message;
}

struct sim_message *sim_message_new_raw(uint64_t id, int64_t date_s,
                                        const char *bytes, size_t size)
{
    struct sim_message *message = sim_new(sizeof *message);
    message->id = id;
    message->date_s = date_s;
    message->bytes = sim_copy(bytes, size);
    message->size = size;
    return message;
}

void sim_message_free(struct sim_message *message)
{
    if (message != NULL) {
        free(message->data);
        free(message->bytes);
        free(message);
    }
}

static unsigned int between(struct sim_random *random, unsigned int first,
                            unsigned int last)
{
    return first + (unsigned int)sim_random_below(random, last - first + 1);
}

void sim_message_generate(struct sim_buffer *to, uint64_t seed, const char *app,
                          const char *queue, uint64_t number, uint64_t size)
{
    static const char *const types[] = {"change", "create", "notify"};
    struct sim_random random = sim_random_named(seed, app, queue, number);
    size_t start = to->size;
    sim_buffer_format(to, "{\"type\":\"%s\",\"seq\":%llu,",
                      types[between(&random, 0, 2)],
                      (unsigned long long)number);
    sim_buffer_format(to, "\"project\":\"81q%u\",", between(&random, 0, 999));
    sim_buffer_format(to, "\"date\":\"20%02u-", between(&random, 19, 26));
    sim_buffer_format(to, "%02u-", between(&random, 1, 12));
    sim_buffer_format(to, "%02u\"", between(&random, 1, 28));
    size_t used = to->size - start + 11;
    if (size > used) {
        sim_buffer_text(to, ",\"text\":\"");
        size_t padding = (size_t)size - used;
        char *text = sim_buffer_reserve(to, padding + 1);
        sim_random_letters(&random, text, padding);
        to->size += padding;
        sim_buffer_text(to, "\"");
    }
    sim_buffer_text(to, "}");
}

const char *sim_message_edge(size_t index)
{
    static const char *const edges[] = {
        "{\"id\":\"mine\",\"datetime\":\"yesterday\",\"type\":\"overrides\"}",
        "[\"an\",\"array\"]",
        "{\"10\":\"ten\",\"2\":\"two\",\"type\":\"integer keys first\"}",
        "{\"text\":\"nul \\u0000 \\u0001 quote \\\" back \\\\\","
        "\"big\":12345678901234567000,\"small\":1e-7,\"lone\":\"x?y\","
        "\"deep\":{\"a\":[{},[],null,true]}}",
        "{\"title\":\"caf\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80\","
        "\"\xce\xa9\":\"e\xcc\x81 \xe2\x80\xa8 \xef\xbb\xbf\","
        "\"rtl\":\"\xd8\xa7\xd9\x84\"}",
        "{\"token\":\"MQ==\",\"messages\":[{\"id\":1,\"token\":\"\"}],"
        "\"version\":1}",
        "{\"big\":1e+21,\"minus\":-0.5,\"max\":1.7976931348623157e+308}",
        "{\"id\":null,\"datetime\":{\"y\":2019}}",
        "{\"id\":1,\"datetime\":[],\"type\":\"an id of another message\"}",
        "{\"id\":1,\"datetime\":[],\"type\":\"an id of another message\"}",
        "{\"\":\"\",\"brackets\":\"}]{[,:\",\"escaped\":\"\\\\\\\" }\"}",
        "{}",
        "[]",
    };
    return index < sizeof edges / sizeof *edges ? edges[index] : NULL;
}
