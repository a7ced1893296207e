#include "poller/location.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/login_sites.h"
#include "http/host.h"
#include "poller/poller.h"

#define ADDRESS_SIZE_MAX 64
#define NAMES_SIZE_MAX \
    (HAPLO_SITE_SIZE_MAX + LOGIN_SITES_MAX * (ADDRESS_SIZE_MAX + 8))

/* The names of sites. */
struct names {
    char text[NAMES_SIZE_MAX];         /* each ends with NUL */
    size_t size;                       /* of text */
    const char *list[LOGIN_SITES_MAX]; /* point into text */
    unsigned count;                    /* in list */
};

/* Ignores a duplicate, and what does not fit. */
static void names_add(struct names *names, const char *prefix, const char *name,
                      const char *suffix)
{
    char *text = names->text + names->size;
    size_t room = sizeof names->text - names->size;
    int size = snprintf(text, room, "%s%s%s", prefix, name, suffix);
    if (size < 0 || (size_t)size >= room || names->count == LOGIN_SITES_MAX) {
        return;
    }
    for (int i = 0; i < size; i++) {
        text[i] = (char)tolower((unsigned char)text[i]);
    }
    for (unsigned i = 0; i < names->count; i++) {
        if (strcmp(names->list[i], text) == 0) {
            return;
        }
    }
    names->list[names->count++] = text;
    names->size += (size_t)size + 1;
}

/* One address has several spellings; and IPv6 can spell those of IPv4. Anything
 * else is left as it is. */
static void address_normalise(const char *text, char to[ADDRESS_SIZE_MAX])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    unsigned char bytes[16];
    char name[ADDRESS_SIZE_MAX];
    size_t size = strlen(text);
    snprintf(to, ADDRESS_SIZE_MAX, "%s", text);
    if (text[0] != '[' || size < 2 || size > sizeof name) {
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)size - 2, text + 1);
    if (inet_pton(AF_INET6, name, bytes) != 1) {
        return;
    }
    if (memcmp(bytes, mapped, sizeof mapped) == 0) {
        (void)inet_ntop(AF_INET, bytes + sizeof mapped, to, ADDRESS_SIZE_MAX);
    } else if (inet_ntop(AF_INET6, bytes, to + 1, ADDRESS_SIZE_MAX - 2) !=
               NULL) {
        strcat(to, "]"); /* after its bracket, which is there already */
    }
}

/* list: "192.0.2.1,[2001:db8::1]", or NULL. */
static void names_add_addresses(struct names *names, const char *list,
                                const char *port)
{
    while (list != NULL && *list != '\0') {
        char text[ADDRESS_SIZE_MAX];
        char address[ADDRESS_SIZE_MAX];
        size_t size = strcspn(list, ",");
        snprintf(text, sizeof text, "%.*s", (int)size, list);
        address_normalise(text, address);
        names_add(names, "", address, port);
        list += size + (list[size] == ',');
    }
}

/* The host name first, without the dot that may end it. */
static void names_read(struct names *names, const struct haplo_server *server)
{
    const struct host *host = endpoint_host(server->endpoint);
    char name[HAPLO_URL_SIZE_MAX];
    char port[16];
    size_t size = strlen(host->name);
    size -= size > 1 && host->name[size - 1] == '.';
    snprintf(name, sizeof name, "%.*s", (int)size, host->name);
    snprintf(port, sizeof port, ":%u", host->port);
    names->size = 0;
    names->count = 0;
    names_add(names, "", name, port);
    if (!server->has_fixed_sites) {
        names_add_addresses(names, endpoint_addresses(server->endpoint), port);
    }
}

/* 0, or HAPLO_ENOMEM: its login group may be the wrong one. */
static int location_update(struct haplo_server *server)
{
    struct haplo_poller *poller = server->poller;
    struct names names;
    if (server->has_fixed_sites ||
        endpoint_addresses(server->endpoint) == NULL) {
        return 0;
    }
    names_read(&names, server);
    int error = scheduler_locate_server(&poller->scheduler, &server->core,
                                        LOCATION_KNOWN, names.list, names.count,
                                        uv_now(poller->loop));
    if (error != 0) {
        scheduler_lose_server(&poller->scheduler, &server->core);
    }
    return error;
}

void location_on_looked_up(void *data)
{
    struct haplo_server *server = data;
    if (location_update(server) == 0 &&
        server->core.location == LOCATION_SOUGHT) {
        scheduler_lose_server(&server->poller->scheduler, &server->core);
    }
    poller_wake(server->poller);
}

/* Sets has_fixed_sites, and what is known of the sites before a look-up. */
static enum server_location names_begin(struct names *names,
                                        struct haplo_server *server,
                                        const char *login_group)
{
    bool has_group = login_group != NULL && login_group[0] != '\0';
    names->count = 0;
    names->size = 0;
    server->has_fixed_sites = has_group || endpoint_has_proxy(server->endpoint);
    if (has_group) {
        names_add(names, "=", login_group, "");
    } else {
        names_read(names, server);
    }
    return server->has_fixed_sites ||
                   endpoint_addresses(server->endpoint) != NULL
               ? LOCATION_KNOWN
               : LOCATION_SOUGHT;
}

static void location_seek(struct haplo_server *server)
{
    if (server->core.location == LOCATION_SOUGHT &&
        endpoint_look_up(server->endpoint) != 0) {
        scheduler_lose_server(&server->poller->scheduler, &server->core);
    }
}

int location_begin(struct haplo_server *server, const char *login_group)
{
    struct haplo_poller *poller = server->poller;
    struct names names;
    enum server_location location = names_begin(&names, server, login_group);
    int error =
        scheduler_add_server(&poller->scheduler, &server->core, location,
                             names.list, names.count, uv_now(poller->loop));
    if (error == 0) {
        location_seek(server);
    }
    return error;
}

int location_change(struct haplo_server *server, struct endpoint *endpoint,
                    const char *login_group)
{
    struct haplo_poller *poller = server->poller;
    struct endpoint *old = server->endpoint;
    bool had_fixed_sites = server->has_fixed_sites;
    struct names names;
    server->endpoint = endpoint;
    enum server_location location = names_begin(&names, server, login_group);
    int error =
        scheduler_locate_server(&poller->scheduler, &server->core, location,
                                names.list, names.count, uv_now(poller->loop));
    if (error != 0) {
        server->endpoint = old;
        server->has_fixed_sites = had_fixed_sites;
        return error;
    }
    endpoint_free(old);
    location_seek(server);
    return 0;
}

int location_check(struct haplo_server *server)
{
    return server->core.location == LOCATION_KNOWN ? 0
                                                   : location_update(server);
}

int location_check_request(const struct haplo_queue *queue, struct reason *why)
{
    const struct haplo_server *server = server_of(queue);
    if (server->core.location != LOCATION_KNOWN) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    if (scheduler_may_go_on(&queue->core)) {
        return 0;
    }
    return reason_set(why, HAPLO_ERESOLVE,
                      "resolve %s: it leads to a server that must be left "
                      "alone for now, because of failed logins",
                      endpoint_host(server->endpoint)->name);
}

void haplo_poller_failed_logins(const struct haplo_poller *poller,
                                haplo_failed_logins_cb logins_cb, void *data)
{
    const struct login_group *group;
    const struct login_site *site;
    LIST_FOREACH (group, &poller->scheduler.sites.groups, link) {
        if (group->failed == 0) {
            continue;
        }
        struct haplo_failed_logins logins = {
            .count = group->failed,
            .age_ms = login_group_age_ms(group, uv_now(poller->loop)),
        };
        LIST_FOREACH (site, &group->sites, link) {
            logins.same_as = logins.site;
            logins.site = site->name;
            logins_cb(data, &logins);
        }
    }
}

static bool is_site(const char *text)
{
    return text[0] != '\0' && strlen(text) < HAPLO_SITE_SIZE_MAX;
}

int haplo_poller_recall_logins(struct haplo_poller *poller,
                               const struct haplo_failed_logins *logins)
{
    if (logins->site == NULL || !is_site(logins->site) ||
        (logins->same_as != NULL && !is_site(logins->same_as))) {
        return HAPLO_EINVAL;
    }
    return scheduler_recall_logins(&poller->scheduler, logins,
                                   uv_now(poller->loop));
}
