/*
 * admin_servers.c - lists servers, of which there may be 20,000.
 *
 *   - All names are offered to the page, some hundreds in a turn of the loop
 *     (scan). Only those on the page are remembered.
 *   - Then they are looked up and written, again some in a turn (print).
 *
 * If a reload adds or removes servers meanwhile, the scan starts again. A
 * server that has been removed since is left out.
 */
#include "daemon/admin/admin_servers.h"

#include <stdlib.h>

#include "base/command_hint.h"
#include "base/container_of.h"
#include "daemon/admin/admin_object.h"
#include "daemon/admin/admin_page.h"
#include "daemon/admin/admin_private.h"

#define CLOCK_EVERY 32 /* servers between two looks at the clock */

enum step { STEP_SCAN, STEP_PRINT };

struct servers {
    struct admin_stream stream;  /* first; see free_servers() */
    const struct gather *gather; /* borrowed */
    struct admin_page page;      /* what was found */
    const struct config *config; /* when the scan began; only compared */
    size_t server_count;         /* likewise */
    size_t cursor;               /* behind the last server that was offered */
    size_t printed_count;        /* of the entries of the page */
    enum step step;              /* what comes next */
};

static void free_servers(struct admin_stream *stream)
{
    struct servers *servers = container_of(stream, struct servers, stream);
    admin_page_free(&servers->page);
    free(servers);
}

static void begin_scan(struct servers *servers)
{
    servers->config = servers->gather->config;
    servers->server_count = servers->gather->servers.count;
    servers->cursor = 0;
    admin_page_restart(&servers->page);
}

static void scan(struct servers *servers, struct json_writer *out,
                 uint64_t end_ns)
{
    const struct name_table *table = &servers->gather->servers;
    const struct gather_server *server;
    if (servers->config != servers->gather->config ||
        servers->server_count != table->count) {
        begin_scan(servers);
    }
    for (unsigned i = 1;
         (server = name_table_next(table, &servers->cursor)) != NULL; i++) {
        admin_page_offer(&servers->page, 0, server->config->options.name);
        if (i % CLOCK_EVERY == 0 && uv_hrtime() >= end_ns) {
            return;
        }
    }
    admin_page_sort(&servers->page);
    json_object(out, NULL);
    json_array(out, "servers");
    servers->step = STEP_PRINT;
}

/* False: there is more to print. */
static bool print(struct servers *servers, struct json_writer *out,
                  uint64_t end_ns)
{
    const struct admin_page *page = &servers->page;
    while (servers->printed_count < page->count) {
        const struct gather_server *server =
            name_table_find(&servers->gather->servers,
                            page->entries[servers->printed_count++].name);
        if (server != NULL) {
            admin_write_server(out, NULL, server);
        }
        if (uv_hrtime() >= end_ns) {
            return false;
        }
    }
    return true;
}

static enum admin_more more(struct admin_stream *stream,
                            struct json_writer *out, uint64_t budget_ns)
{
    struct servers *servers = container_of(stream, struct servers, stream);
    char next[ADMIN_PAGE_CURSOR_SIZE];
    uint64_t end_ns = uv_hrtime() + budget_ns;
    if (!admin_is_readable(stream->admin) || servers->page.is_failed) {
        out->is_failed = true; /* the response is cut off */
        return ADMIN_MORE_END;
    }
    if (servers->step == STEP_SCAN) {
        scan(servers, out, end_ns);
    }
    if (servers->step == STEP_SCAN || !print(servers, out, end_ns)) {
        return ADMIN_MORE_NOW;
    }
    json_array_end(out);
    json_text(out, "next", admin_page_next(&servers->page, next));
    json_object_end(out);
    json_end_line(out);
    return ADMIN_MORE_END;
}

void admin_get_servers(struct admin_request *request)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "out of memory";
    struct servers *servers = calloc(1, sizeof *servers);
    int error =
        servers == NULL
            ? HAPLO_ENOMEM
            : admin_page_init(&servers->page, admin_query(request, "limit"),
                              admin_query(request, "after"), why, sizeof why);
    if (error == 0) {
        servers->gather = request->admin->gather;
        servers->stream.more_cb = more;
        servers->stream.free_cb = free_servers;
        begin_scan(servers);
        admin_reply_stream(request, "application/json", &servers->stream);
        return;
    }
    if (servers != NULL) {
        free_servers(&servers->stream);
    }
    admin_reply_error(request, error == HAPLO_EINVAL ? 400 : 500, "%s", why);
}

void admin_get_server(struct admin_request *request)
{
    const struct gather *gather = request->admin->gather;
    const struct gather_server *server =
        name_table_find(&gather->servers, admin_parameter(request, "server"));
    struct json_writer json = {0};
    char hint[COMMAND_HINT_SIZE];
    if (server == NULL) {
        admin_reply_error(request, 404, "there is no server %s: see `%s`",
                          admin_parameter(request, "server"),
                          command_hint(hint, "status --all", NULL));
        return;
    }
    json_object(&json, NULL);
    admin_write_server(&json, "server", server);
    admin_write_transitions(&json, gather, server->seen.newest_id);
    json_object_end(&json);
    admin_reply_json(request, 200, &json);
}
