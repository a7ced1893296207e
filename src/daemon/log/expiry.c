/*
 * expiry.c - decides what to tell about certificates that expire.
 *
 *   - A certificate that is noted and expires within 30 days gets an entry.
 *   - At the end of a pass, entries that have entered a later stage than was
 *     told are summed up by kind and stage, each sum is one report, and their
 *     stages count as told.
 *   - An entry whose certificate expires later than before, and is no longer in
 *     the stage that was told, was renewed: that is reported once.
 *
 * Where many certificates end one after the other, each hour would have reports
 * of its own. While there are days left, a kind and stage is reported once a
 * day at most; what has to wait is told with the next one.
 */
#include "daemon/log/expiry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS UINT64_C(86400000)
#define REPEAT_MS (23 * DAY_MS / 24) /* passes are not quite punctual */
#define KEY_SIZE 2                   /* the kind in front of a name */
#define NAME_SIZE_MAX 4096           /* of a certificate: perhaps a path */

struct expiry_entry {
    enum expiry_kind kind;   /* of certificate */
    enum expiry_stage told;  /* the last stage that was told */
    enum expiry_stage stage; /* that it is in now; set at the end of a pass */
    uint64_t told_ms;        /* when it expired, as was told; 0: not told */
    uint64_t expires_ms;     /* as of the last pass; wall clock */
    uint64_t noted_ms;       /* in this pass, the first; 0: unknown */
    size_t server_count;     /* in this pass; 0: not noted */
    char *server;            /* owned: the last one that was noted */
    char key[];              /* kind and name */
};

static const char *key_of(const void *entry)
{
    return ((const struct expiry_entry *)entry)->key;
}

static const char *name_of(const struct expiry_entry *entry)
{
    return entry->key + KEY_SIZE;
}

static enum expiry_stage stage_of(uint64_t expires_ms, uint64_t now_ms)
{
    static const uint64_t days[] = {30, 14, 7, 3, 1};
    uint64_t left_ms = expires_ms > now_ms ? expires_ms - now_ms : 0;
    int stage = EXPIRY_NONE;
    if (expires_ms == 0) {
        return EXPIRY_NONE;
    }
    if (left_ms == 0) {
        return EXPIRY_EXPIRED;
    }
    while (stage < EXPIRY_1_DAY && left_ms <= days[stage] * DAY_MS) {
        stage++;
    }
    return (enum expiry_stage)stage;
}

/* Entries */

static void entry_free(struct expiry_entry *entry)
{
    free(entry->server);
    free(entry);
}

static struct expiry_entry *entry_add(struct expiry *expiry,
                                      enum expiry_kind kind, const char *key)
{
    size_t size = strlen(key) + 1;
    struct expiry_entry *entry = calloc(1, sizeof *entry + size);
    if (entry == NULL) {
        return NULL;
    }
    entry->kind = kind;
    memcpy(entry->key, key, size);
    if (name_table_add(&expiry->entries, entry) != 0) {
        free(entry);
        return NULL;
    }
    return entry;
}

/* NULL: there is nothing to tell about it, or no memory. */
static struct expiry_entry *entry_of(struct expiry *expiry,
                                     enum expiry_kind kind, const char *name,
                                     bool is_soon)
{
    char key[KEY_SIZE + NAME_SIZE_MAX];
    if (!is_soon && expiry->entries.count == 0) {
        return NULL;
    }
    snprintf(key, sizeof key, "%d %s", (int)kind, name);
    struct expiry_entry *entry = name_table_find(&expiry->entries, key);
    if (entry == NULL && is_soon) {
        entry = entry_add(expiry, kind, key);
    }
    return entry;
}

void expiry_note(struct expiry *expiry, enum expiry_kind kind, const char *name,
                 const char *server, uint64_t expires_ms, uint64_t now_ms)
{
    bool is_soon = stage_of(expires_ms, now_ms) != EXPIRY_NONE;
    struct expiry_entry *entry = entry_of(expiry, kind, name, is_soon);
    if (entry == NULL) {
        return;
    }
    if (expires_ms != 0 &&
        (entry->noted_ms == 0 || expires_ms < entry->noted_ms)) {
        entry->noted_ms = expires_ms;
    }
    if (entry->server_count++ == 0) {
        free(entry->server);
        entry->server = strdup(server);
    }
}

/* Reports */

/* Adds an entry to those that are told together. */
static void report_add(struct expiry_report *report,
                       const struct expiry_entry *entry)
{
    bool is_first = report->certificate_count == 0;
    report->is_same_time =
        is_first ||
        (report->is_same_time && entry->expires_ms == report->expires_ms);
    report->certificate_count++;
    report->server_count += entry->server_count;
    if (is_first || entry->expires_ms < report->expires_ms ||
        (entry->expires_ms == report->expires_ms &&
         strcmp(name_of(entry), report->name) < 0)) {
        report->name = name_of(entry);
        report->server = entry->server != NULL ? entry->server : "";
        report->expires_ms = entry->expires_ms;
    }
}

/* True if others have been reported shortly before. */
static bool must_wait(const struct expiry *expiry, enum expiry_kind kind,
                      enum expiry_stage stage, uint64_t now_ms)
{
    uint64_t told_ms = expiry->told_ms[kind][stage];
    return !expiry->is_starting && stage < EXPIRY_1_DAY && told_ms != 0 &&
           now_ms >= told_ms && now_ms - told_ms < REPEAT_MS;
}

/* True if it has entered the stage; NONE: if it was renewed. */
static bool is_due(const struct expiry_entry *entry, enum expiry_stage stage)
{
    if (entry->server_count == 0) {
        return false;
    }
    return stage == EXPIRY_NONE ? entry->stage < entry->told &&
                                      entry->expires_ms > entry->told_ms
                                : entry->stage == stage && entry->told < stage;
}

/* Reports what has entered the stage, or was renewed. */
static void tell(struct expiry *expiry, enum expiry_kind kind,
                 enum expiry_stage stage, uint64_t now_ms, expiry_cb report_cb,
                 void *data)
{
    struct expiry_report report = {.kind = kind, .stage = stage};
    struct expiry_entry *entry;
    size_t cursor = 0;
    if (must_wait(expiry, kind, stage, now_ms)) {
        return;
    }
    while ((entry = name_table_next(&expiry->entries, &cursor)) != NULL) {
        if (entry->kind == kind && is_due(entry, stage)) {
            report_add(&report, entry);
            entry->told = entry->stage;
            entry->told_ms = entry->expires_ms;
        }
    }
    if (report.certificate_count > 0) {
        expiry->told_ms[kind][stage] = now_ms;
        report_cb(data, &report);
    }
}

/* Passes */

/* What is known of it now. */
static void entry_update(struct expiry_entry *entry, uint64_t now_ms)
{
    if (entry->noted_ms != 0) {
        entry->expires_ms = entry->noted_ms;
    }
    entry->stage = stage_of(entry->expires_ms, now_ms);
}

/* Keeps the entries that are still needed. Without memory, one may be lost: it
 * is told again in the next pass. */
static void forget(struct expiry *expiry)
{
    struct name_table before = expiry->entries;
    struct expiry_entry *entry;
    size_t cursor = 0;
    expiry->entries = (struct name_table){.name_of = key_of};
    while ((entry = name_table_next(&before, &cursor)) != NULL) {
        bool is_needed =
            entry->server_count > 0 &&
            (entry->stage != EXPIRY_NONE || entry->told != EXPIRY_NONE);
        if (!is_needed || name_table_add(&expiry->entries, entry) != 0) {
            entry_free(entry);
        }
    }
    name_table_free(&before);
}

void expiry_restart(struct expiry *expiry)
{
    struct expiry_entry *entry;
    size_t cursor = 0;
    while ((entry = name_table_next(&expiry->entries, &cursor)) != NULL) {
        entry->server_count = 0;
        entry->noted_ms = 0;
    }
}

void expiry_end(struct expiry *expiry, uint64_t now_ms, expiry_cb report_cb,
                void *data)
{
    struct expiry_entry *entry;
    size_t cursor = 0;
    while ((entry = name_table_next(&expiry->entries, &cursor)) != NULL) {
        entry_update(entry, now_ms);
    }
    for (int kind = 0; kind < EXPIRY_KIND_COUNT; kind++) {
        for (int stage = EXPIRY_STAGE_COUNT - 1; stage >= 0; stage--) {
            tell(expiry, (enum expiry_kind)kind, (enum expiry_stage)stage,
                 now_ms, report_cb, data);
        }
    }
    forget(expiry);
    expiry_restart(expiry);
}

void expiry_init(struct expiry *expiry)
{
    *expiry = (struct expiry){.entries.name_of = key_of, .is_starting = true};
}

void expiry_free(struct expiry *expiry)
{
    struct expiry_entry *entry;
    size_t cursor = 0;
    while ((entry = name_table_next(&expiry->entries, &cursor)) != NULL) {
        entry_free(entry);
    }
    name_table_free(&expiry->entries);
}
