#include "daemon/fleet/fleet_logins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPIRY_MS 310000 /* see haplo_poller_recall_logins() */

/* What is known of a site. */
struct known {
    uint64_t local;  /* the count of the poller */
    uint64_t shared; /* the common one */
    bool is_counted; /* the poller has just listed it */
    char name[];
};

static const char *name_of(const void *known)
{
    return ((const struct known *)known)->name;
}

/* NULL: out of memory. */
static struct known *known_get(struct fleet_logins *logins, const char *site)
{
    struct known *known = name_table_find(&logins->sites, site);
    size_t size = strlen(site) + 1;
    if (known != NULL) {
        return known;
    }
    known = calloc(1, sizeof *known + size);
    if (known != NULL) {
        memcpy(known->name, site, size);
        if (name_table_add(&logins->sites, known) != 0) {
            free(known);
            return NULL;
        }
    }
    return known;
}

/* Own changes */

struct comparing {
    struct fleet_logins *logins;
    fleet_logins_cb change_cb;
    void *data;
    char first[HAPLO_SITE_SIZE_MAX]; /* site of the count that is listed */
};

static void tell(const struct comparing *comparing, enum inbox_change_kind kind,
                 const char *site, const char *same_as, uint64_t count)
{
    const struct inbox_change change = {
        .kind = kind,
        .logins = {.site = site, .same_as = same_as, .count = count},
    };
    comparing->change_cb(comparing->data, &change);
}

static void clear(const struct comparing *comparing, struct known *known)
{
    tell(comparing, INBOX_LOGINS_CLEARED, known->name, NULL, known->shared);
    known->local = 0;
    known->shared = 0;
}

/* Without memory, the change is found again by the next comparison. */
static void compare(void *data, const struct haplo_failed_logins *counted)
{
    struct comparing *comparing = data;
    struct known *known = known_get(comparing->logins, counted->site);
    bool is_first = counted->same_as == NULL;
    if (is_first) {
        snprintf(comparing->first, sizeof comparing->first, "%s",
                 counted->site);
    }
    if (known == NULL) {
        return;
    }
    if (counted->count < known->local) {
        clear(comparing, known);
    }
    if (counted->count > known->local) {
        uint64_t more = counted->count - known->local;
        tell(comparing, INBOX_LOGINS_FAILED, counted->site,
             is_first ? NULL : comparing->first, more);
        known->local += more;
        known->shared += more;
    }
    known->is_counted = true;
}

void fleet_logins_compare(struct fleet_logins *logins,
                          fleet_logins_cb change_cb, void *data)
{
    struct comparing comparing = {
        .logins = logins, .change_cb = change_cb, .data = data};
    struct known *known;
    size_t cursor = 0;
    haplo_poller_failed_logins(logins->poller, compare, &comparing);
    while ((known = name_table_next(&logins->sites, &cursor)) != NULL) {
        if (!known->is_counted && known->local > 0) {
            clear(&comparing, known);
        }
        known->is_counted = false;
    }
}

/* Changes of others */

/* One that refers to another site has the same count as that. */
static int recall(const struct fleet_logins *logins, const struct known *known,
                  const struct inbox_shared_logins *shared)
{
    struct haplo_failed_logins recalled = {
        .site = shared->site,
        .same_as = shared->same_as,
        .age_ms = shared->age_ms,
    };
    if (shared->count <= known->local || shared->age_ms >= EXPIRY_MS ||
        (shared->same_as != NULL && known->local > 0)) {
        return 0;
    }
    recalled.count = (unsigned)(shared->count - known->local);
    return haplo_poller_recall_logins(logins->poller, &recalled);
}

static void count(void *data, const struct haplo_failed_logins *counted)
{
    struct known *known = known_get(data, counted->site);
    if (known != NULL) {
        known->local = counted->count;
    }
}

static void forget_shared(struct fleet_logins *logins)
{
    struct known *known;
    size_t cursor = 0;
    while ((known = name_table_next(&logins->sites, &cursor)) != NULL) {
        known->shared = 0;
    }
}

int fleet_logins_take(struct fleet_logins *logins,
                      const struct inbox_shared *shared)
{
    int error = 0;
    forget_shared(logins);
    for (size_t i = 0; error == 0 && i < shared->login_count; i++) {
        struct known *known = known_get(logins, shared->logins[i].site);
        if (known == NULL) {
            error = HAPLO_ENOMEM;
            break;
        }
        known->shared = shared->logins[i].count;
        error = recall(logins, known, &shared->logins[i]);
    }
    haplo_poller_failed_logins(logins->poller, count, logins);
    return error == HAPLO_ENOMEM ? error : 0;
}

/* All of it */

void fleet_logins_init(struct fleet_logins *logins)
{
    *logins = (struct fleet_logins){.sites = {.name_of = name_of}};
}

void fleet_logins_free(struct fleet_logins *logins)
{
    struct known *known;
    size_t cursor = 0;
    while ((known = name_table_next(&logins->sites, &cursor)) != NULL) {
        free(known);
    }
    name_table_free(&logins->sites);
}
