/*
 * micro_route.c - the cost of deciding whether an outlet wants a message.
 *
 * The message is one of the queue global, of a common size. It is wanted or
 * not because of its action and its type, which stand near its beginning; or
 * because of its workflow, which follows; or nothing can be found, so that all
 * of it is read.
 */
#include <string.h>

#include "core/route.h"
#include "micro.h"

static const char head[] =
    "{\n      \"id\": 7,\n      \"datetime\": \"2026-01-01T00:00:00Z\",\n"
    "      \"action\": \"object:change\",\n      \"operation\": \"update\",\n"
    "      \"object\": {\n        \"kind\": \"haplo:object:0\",\n"
    "        \"ref\": \"80q22\",\n        \"recordVersion\": 5,\n"
    "        \"type\": {\n          \"code\": \"dc:attribute:student\"\n"
    "        },\n        \"title\": \"Student 95\",\n"
    "        \"workflows\": [\n          {\n"
    "            \"workType\": \"example:thesis\",\n"
    "            \"state\": \"submitted\",\n            \"closed\": false\n"
    "          }\n        ],\n        \"attributes\": {";
static const char attribute[] =
    "%\n          \"dc:attribute:a\": [\n            {\n"
    "              \"type\": \"text\",\n"
    "              \"value\": \"Some words of a title, a name or a date\"\n"
    "            }\n          ]";
static const char tail[] = "\n        }\n      }\n    }";

static char message[4096];
static size_t message_size;

/* 4 KB: twenty attributes. */
static void message_make(void)
{
    message_size = sizeof head - 1;
    memcpy(message, head, message_size);
    for (int i = 0;
         message_size + sizeof attribute + sizeof tail < sizeof message; i++) {
        memcpy(message + message_size, attribute, sizeof attribute - 1);
        message[message_size] = i == 0 ? ' ' : ',';
        message_size += sizeof attribute - 1;
    }
    memcpy(message + message_size, tail, sizeof tail - 1);
    message_size += sizeof tail - 1;
}

static void decide(uint64_t count, const struct route_test *tests,
                   size_t test_count, int expected)
{
    const struct route_alternative alternative = {tests, test_count};
    const struct route_rules rules = {&alternative, 1};
    struct route *route;
    struct reason why;
    message_make();
    if (route_new(&route, &rules, &why) != 0) {
        micro_fail(why.text);
    }
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            micro_begin();
        }
        if (route_accepts(route, message, message_size) != expected) {
            micro_fail("the wrong decision");
        }
    }
    micro_end(count);
    route_free(route);
}

void micro_route_type(uint64_t count)
{
    const struct route_test tests[] = {
        {"/action", (const char *const[]){"object:change"}, 1},
        {"/object/type/code",
         (const char *const[]){"std:type:book", "dc:attribute:student"}, 2}};
    decide(count, tests, 2, 1);
}

void micro_route_workflow(uint64_t count)
{
    const struct route_test tests[] = {
        {"workType", (const char *const[]){"example:thesis"}, 1},
        {"state", (const char *const[]){"submitted", "examined"}, 2}};
    decide(count, tests, 2, 1);
}

void micro_route_whole(uint64_t count)
{
    const struct route_test tests[] = {
        {"/nothing", (const char *const[]){"x"}, 1}};
    decide(count, tests, 1, 0);
}
