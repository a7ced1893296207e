/*
 * admin_object.h - the objects of the API as JSON: one function for each schema
 * in docs/openapi.yaml. All of them read what the observer has noted and the
 * statistics of library, inboxes and forwarders, and change nothing.
 */
#ifndef DAEMON_ADMIN_OBJECT_H
#define DAEMON_ADMIN_OBJECT_H

#include "daemon/admin/admin.h"
#include "daemon/text/json_writer.h"

/* The state at a glance, the same for all kinds of objects. */
enum admin_health {
    ADMIN_HEALTH_OK,
    ADMIN_HEALTH_ELSEWHERE, /* another host polls it */
    ADMIN_HEALTH_PAUSED,
    ADMIN_HEALTH_NOT_TRIED, /* a queue, because its server does not work */
    ADMIN_HEALTH_FAILING,
    ADMIN_HEALTH_REFUSED,
    ADMIN_HEALTH_BLOCKED,
    ADMIN_HEALTH_HELD,
    ADMIN_HEALTH_COUNT
};

/* "ok". Static string. */
const char *admin_health_name(enum admin_health health);

enum admin_health admin_health_of_queue(const struct gather_queue *queue);
enum admin_health admin_health_of_server(const struct gather_server *server);
enum admin_health admin_health_of_outlet(const struct gather_outlet *outlet);
enum admin_health admin_health_of_inbox(const struct gather_inbox *inbox);

/* The queues of one server; of all of them, with those that are not valid in
 * the configuration; and the servers. */
void admin_count_queues_of(const struct gather_server *server,
                           size_t counts[ADMIN_HEALTH_COUNT]);
void admin_count_queues(const struct gather *gather,
                        size_t counts[ADMIN_HEALTH_COUNT]);
void admin_count_servers(const struct gather *gather,
                         size_t counts[ADMIN_HEALTH_COUNT]);

/* HealthCounts. */
void admin_write_counts(struct json_writer *json, const char *name,
                        const size_t counts[ADMIN_HEALTH_COUNT]);

/* What many objects have: since, cause, last_success_at. */
void admin_write_time_at(struct json_writer *json, const char *name,
                         uint64_t wait_ms);

/* An array of Transition: the last ones of an object, oldest first. */
void admin_write_transitions(struct json_writer *json,
                             const struct gather *gather, uint64_t newest_id);

/* Queue, QueueDetail. */
void admin_write_queue(struct json_writer *json, const char *name,
                       const struct gather_queue *queue);
void admin_write_held(struct json_writer *json, const char *name,
                      const struct gather *gather,
                      const struct config_held *held);

/* Server, Outlet, Inbox. That of an outlet brings its lag up to date. */
void admin_write_server(struct json_writer *json, const char *name,
                        const struct gather_server *server);
void admin_write_outlet(struct json_writer *json, const char *name,
                        struct gather_outlet *outlet);
void admin_write_inbox(struct json_writer *json, const char *name,
                       const struct gather_inbox *inbox);

#endif
