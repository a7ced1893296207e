#include "daemon/admin/admin_lists.h"

#include <string.h>

#include "base/command_hint.h"
#include "daemon/admin/admin_object.h"
#include "daemon/admin/admin_private.h"

#define LANE_COUNT_MAX 100 /* of an outlet, in a response */

/* Outlets: there are few, in the order of the configuration */

void admin_get_outlets(struct admin_request *request)
{
    const struct gather *gather = request->admin->gather;
    struct json_writer json = {0};
    json_object(&json, NULL);
    json_array(&json, "outlets");
    for (size_t i = 0; i < gather->config->outlet_count; i++) {
        struct gather_outlet *outlet = name_table_find(
            &gather->outlets, gather->config->outlets[i].forward.name);
        if (outlet != NULL) {
            admin_write_outlet(&json, NULL, outlet);
        }
    }
    json_array_end(&json);
    json_object_end(&json);
    admin_reply_json(request, 200, &json);
}

static void write_lane(struct json_writer *json,
                       const struct observer_lane *lane, const char *name)
{
    const char *slash = strchr(name, '/');
    json_object(json, NULL);
    json_slice(json, "server",
               (struct haplo_slice){name, (size_t)(slash - name)});
    json_text(json, "queue", slash + 1);
    json_text(json, "state", observer_outlet_label(lane->state));
    json_text(json, "cause", lane->text);
    if (lane->arrival == 0) {
        json_null(json, "arrival");
    } else {
        json_count(json, "arrival", lane->arrival);
    }
    json_time(json, "since", lane->since_ms);
    json_object_end(json);
}

/* The names of lanes are "OUTLET: SERVER/QUEUE". */
static void write_lanes(struct json_writer *json, const struct gather *gather,
                        const char *outlet)
{
    const struct observer_lane *lane;
    size_t size = strlen(outlet);
    size_t count = 0;
    size_t cursor = 0;
    json_array(json, "lanes");
    while (count < LANE_COUNT_MAX &&
           (lane = name_table_next(&gather->observer.lanes, &cursor)) != NULL) {
        if (strncmp(lane->name, outlet, size) == 0 &&
            strncmp(lane->name + size, ": ", 2) == 0) {
            write_lane(json, lane, lane->name + size + 2);
            count++;
        }
    }
    json_array_end(json);
}

void admin_get_outlet(struct admin_request *request)
{
    const struct gather *gather = request->admin->gather;
    struct gather_outlet *outlet =
        gather_find_outlet(gather, admin_parameter(request, "outlet"));
    struct json_writer json = {0};
    char hint[COMMAND_HINT_SIZE];
    if (outlet == NULL) {
        admin_reply_error(request, 404, "there is no outlet %s: see `%s`",
                          admin_parameter(request, "outlet"),
                          command_hint(hint, "status", NULL));
        return;
    }
    json_object(&json, NULL);
    admin_write_outlet(&json, "outlet", outlet);
    write_lanes(&json, gather, outlet->config->forward.name);
    admin_write_transitions(&json, gather, outlet->seen.newest_id);
    json_object_end(&json);
    admin_reply_json(request, 200, &json);
}

/* Inboxes: likewise */

void admin_get_inboxes(struct admin_request *request)
{
    const struct gather *gather = request->admin->gather;
    struct json_writer json = {0};
    json_object(&json, NULL);
    json_array(&json, "inboxes");
    for (size_t i = 0; i < gather->config->inbox_count; i++) {
        const struct gather_inbox *inbox =
            name_table_find(&gather->inboxes, gather->config->inboxes[i].name);
        if (inbox != NULL) {
            admin_write_inbox(&json, NULL, inbox);
        }
    }
    json_array_end(&json);
    json_object_end(&json);
    admin_reply_json(request, 200, &json);
}

static void write_bytes(struct json_writer *json, const char *name,
                        bool is_known, uint64_t value)
{
    if (is_known) {
        json_count(json, name, value);
    } else {
        json_null(json, name);
    }
}

static void write_disk(struct json_writer *json,
                       const struct gather_inbox *inbox)
{
    struct inbox_disk disk = {0};
    if (inbox->is_open && inbox->inbox != NULL) {
        disk = inbox_disk(inbox->inbox);
    }
    bool is_known = disk.disk_bytes > 0;
    write_bytes(json, "free_bytes", is_known, disk.free_bytes);
    write_bytes(json, "disk_bytes", is_known, disk.disk_bytes);
    write_bytes(json, "wal_bytes", is_known, disk.wal_bytes);
}

static void write_commits(struct json_writer *json,
                          const struct observer_inbox *seen)
{
    uint64_t count = 0;
    for (size_t i = 0; i < OBSERVER_COMMIT_BUCKET_COUNT; i++) {
        count += seen->commits[i];
    }
    json_count(json, "commits_total", count);
    json_seconds(json, "commit_seconds_total", seen->commit_sum_us / 1000);
    json_count(json, "failed_commits_total", seen->failed_commit_count);
    json_count(json, "warnings_total", seen->warning_count);
}

void admin_get_inbox(struct admin_request *request)
{
    const struct gather *gather = request->admin->gather;
    const struct gather_inbox *inbox =
        name_table_find(&gather->inboxes, admin_parameter(request, "inbox"));
    struct json_writer json = {0};
    if (inbox == NULL) {
        admin_reply_error(request, 404,
                          "there is no inbox %s: see `haplo-poll status`",
                          admin_parameter(request, "inbox"));
        return;
    }
    json_object(&json, NULL);
    admin_write_inbox(&json, "inbox", inbox);
    write_commits(&json, &inbox->seen);
    write_disk(&json, inbox);
    admin_write_transitions(&json, gather, inbox->seen.newest_id);
    json_object_end(&json);
    admin_reply_json(request, 200, &json);
}
