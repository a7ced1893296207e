#include "inbox/postgres/pg_resolve.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

struct pg_resolve {
    uv_getaddrinfo_t request;   /* of the host at index */
    uv_loop_t *loop;            /* borrowed */
    struct pg_hosts hosts;      /* to be looked up */
    struct pg_hosts found;      /* one for each address */
    size_t index;               /* the next host */
    int error;                  /* HAPLO_ENOMEM, or 0 */
    struct reason why;          /* of the last name that was not found */
    struct pg_resolve **owner;  /* points to this; NULL: cancelled */
    pg_resolved_cb resolved_cb; /* of the owner */
    void *data;                 /* for resolved_cb */
};

static void resolve_free(struct pg_resolve *resolve)
{
    pg_hosts_free(&resolve->hosts);
    pg_hosts_free(&resolve->found);
    free(resolve);
}

static void resolve_finish(struct pg_resolve *resolve)
{
    *resolve->owner = NULL;
    resolve->resolved_cb(resolve->data, &resolve->found, resolve->error,
                         &resolve->why);
    resolve_free(resolve);
}

static void add_addresses(struct pg_resolve *resolve,
                          const struct pg_host *host,
                          const struct addrinfo *info)
{
    char text[NI_MAXHOST];

    for (; info != NULL && resolve->error == 0; info = info->ai_next) {
        if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text),
                        NULL, 0, NI_NUMERICHOST) == 0) {
            resolve->error =
                pg_hosts_add(&resolve->found, host->name, text, host->port);
        }
    }
}

static void look_up(struct pg_resolve *resolve);

static void not_found(struct pg_resolve *resolve, int uv_error)
{
    if (uv_error == UV_ENOMEM || uv_error == UV_EAI_MEMORY) {
        resolve->error = HAPLO_ENOMEM;
    }
    (void)reason_set(&resolve->why, 0, "resolve %s: %s",
                     resolve->hosts.items[resolve->index].name,
                     uv_strerror(uv_error));
}

static void on_found(uv_getaddrinfo_t *request, int status,
                     struct addrinfo *info)
{
    struct pg_resolve *resolve = request->data;

    if (resolve->owner == NULL) {
        uv_freeaddrinfo(info);
        resolve_free(resolve);
        return;
    }
    if (status == 0) {
        add_addresses(resolve, &resolve->hosts.items[resolve->index], info);
    } else {
        not_found(resolve, status);
    }
    uv_freeaddrinfo(info);
    resolve->index++;
    look_up(resolve);
}

/* Looks up the next name. The address may be found without one. */
static void look_up(struct pg_resolve *resolve)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM};
    struct pg_host *host;
    int uv_error;

    for (; resolve->error == 0 && resolve->index < resolve->hosts.count;
         resolve->index++) {
        host = &resolve->hosts.items[resolve->index];
        if (!pg_host_is_unknown(host)) {
            resolve->error = pg_hosts_add(&resolve->found, host->name,
                                          host->address, host->port);
            continue;
        }
        uv_error = uv_getaddrinfo(resolve->loop, &resolve->request, on_found,
                                  host->name, NULL, &hints);
        if (uv_error == 0) {
            return;
        }
        not_found(resolve, uv_error);
    }
    resolve_finish(resolve);
}

int pg_resolve_start(struct pg_resolve **resolve, uv_loop_t *loop,
                     struct pg_hosts *hosts, pg_resolved_cb resolved_cb,
                     void *data)
{
    struct pg_resolve *started = calloc(1, sizeof(*started));

    if (started == NULL) {
        pg_hosts_free(hosts);
        return HAPLO_ENOMEM;
    }
    started->loop = loop;
    started->request.data = started;
    started->hosts = *hosts;
    hosts->count = 0; /* taken */
    started->owner = resolve;
    started->resolved_cb = resolved_cb;
    started->data = data;
    *resolve = started;
    look_up(started);
    return 0;
}

void pg_resolve_cancel(struct pg_resolve **resolve)
{
    if (*resolve != NULL) {
        (*resolve)->owner = NULL;
        *resolve = NULL;
    }
}
