#include "inbox/postgres/pg_hosts.h"

#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

/* The text of an option, as libpq would use it; NULL: not set. */
static const char *option_text(const PQconninfoOption *options,
                               const char *keyword)
{
    for (; options != NULL && options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0) {
            return options->val != NULL && options->val[0] != '\0'
                       ? options->val
                       : NULL;
        }
    }
    return NULL;
}

/* All options with their defaults. Only an attempt to connect makes libpq read
 * the service file, so one begins, with a value that makes it fail before
 * anything is looked up. NULL if memory runs out. */
static PQconninfoOption *options_read(const char *conninfo)
{
    static const char *const keywords[] = {"dbname", "target_session_attrs",
                                           NULL};
    const char *const values[] = {conninfo, "nothing", NULL};
    PGconn *pg = PQconnectStartParams(keywords, values, 1);
    PQconninfoOption *options = pg != NULL ? PQconninfo(pg) : NULL;

    PQfinish(pg);
    return options;
}

static char *copy_or_null(const char *text, size_t size)
{
    return size > 0 ? strndup(text, size) : NULL;
}

/* Cuts the next element off a list with commas. Of a list with one element,
 * which holds for all, it returns that again and again. */
static const char *next_element(const char **list, size_t *size)
{
    const char *element = *list;

    if (element == NULL) {
        *size = 0;
        return NULL;
    }
    *size = strcspn(element, ",");
    if (element[*size] == ',') {
        *list = element + *size + 1;
    }
    return element;
}

static size_t element_count(const char *list)
{
    size_t count = list != NULL ? 1 : 0;

    for (; list != NULL && *list != '\0'; list++) {
        count += *list == ',' ? 1 : 0;
    }
    return count;
}

static int hosts_split(struct pg_hosts *hosts, const char *names,
                       const char *addresses, const char *ports)
{
    size_t count = element_count(addresses != NULL ? addresses : names);
    size_t size;
    const char *element;
    struct pg_host *host;

    count = count == 0 ? 1 : count;
    for (size_t i = 0; i < count && i < PG_HOST_COUNT_MAX; i++) {
        host = &hosts->items[hosts->count++];
        element = next_element(&names, &size);
        host->name = copy_or_null(element, size);
        if (size > 0 && host->name == NULL) {
            return HAPLO_ENOMEM;
        }
        element = next_element(&addresses, &size);
        host->address = copy_or_null(element, size);
        if (size > 0 && host->address == NULL) {
            return HAPLO_ENOMEM;
        }
        element = next_element(&ports, &size);
        host->port = copy_or_null(element, size);
        if (size > 0 && host->port == NULL) {
            return HAPLO_ENOMEM;
        }
    }
    return 0;
}

int pg_hosts_read(struct pg_hosts *hosts, const char *conninfo)
{
    PQconninfoOption *options = options_read(conninfo);
    const char *limit = option_text(options, "connect_timeout");
    int error;

    memset(hosts, 0, sizeof(*hosts));
    if (options == NULL) {
        return HAPLO_ENOMEM;
    }
    if (limit != NULL && atol(limit) > 0) {
        hosts->limit_ms = (uint64_t)atol(limit) * 1000;
    }
    error = hosts_split(hosts, option_text(options, "host"),
                        option_text(options, "hostaddr"),
                        option_text(options, "port"));
    PQconninfoFree(options);
    if (error != 0) {
        pg_hosts_free(hosts);
    }
    return error;
}

/* Sets *copy to NULL for NULL; false if memory runs out. */
static bool text_copy(const char *text, char **copy)
{
    *copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *copy != NULL;
}

int pg_hosts_add(struct pg_hosts *hosts, const char *name, const char *address,
                 const char *port)
{
    struct pg_host host = {NULL, NULL, NULL};

    if (hosts->count == PG_HOST_COUNT_MAX) {
        return 0;
    }
    if (!text_copy(name, &host.name) || !text_copy(address, &host.address) ||
        !text_copy(port, &host.port)) {
        free(host.name);
        free(host.address);
        return HAPLO_ENOMEM;
    }
    hosts->items[hosts->count++] = host;
    return 0;
}

void pg_hosts_free(struct pg_hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        free(hosts->items[i].name);
        free(hosts->items[i].address);
        free(hosts->items[i].port);
    }
    hosts->count = 0;
}

/* "/" begins a folder, "@" an abstract socket. */
bool pg_host_is_unknown(const struct pg_host *host)
{
    return host->address == NULL && host->name != NULL &&
           host->name[0] != '/' && host->name[0] != '@';
}
