/*
 * What clients of the admin socket send, as far as it is read by this program
 * and not by libmicrohttpd: paths, bodies, cursors of pages, hosts and origins.
 * A byte chooses which; the rest is the text. None of them reads beyond its
 * end, and what is accepted means what it says.
 */
#include <string.h>
#include <strings.h>

#include "daemon/admin/admin_form.h"
#include "daemon/admin/admin_origin.h"
#include "daemon/admin/admin_page.h"
#include "daemon/admin/admin_route.h"
#include "fuzz.h"

static void check_route(const char *path)
{
    struct admin_match match;
    admin_route_find(admin_routes, admin_route_count, "GET", path, &match);
    FUZZ_CHECK(match.route == NULL || match.is_path_known);
    if (match.route != NULL && strchr(match.route->path, '{') == NULL) {
        FUZZ_CHECK(strcmp(match.route->path, path) == 0);
    }
}

/* The body ends where its memory ends. */
static void check_form(const char *text, size_t size)
{
    char body_text[16] = "";
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    uint64_t count = 0;
    bool flag = false;
    const struct admin_field fields[] = {
        {"text", ADMIN_FIELD_TEXT, body_text, sizeof body_text},
        {"count", ADMIN_FIELD_COUNT, &count, 0},
        {"flag", ADMIN_FIELD_BOOL, &flag, 0},
    };
    int error = admin_form_read(text, size, fields, 3, why, sizeof why);
    FUZZ_CHECK(memchr(body_text, '\0', sizeof body_text) != NULL);
    FUZZ_CHECK((error == 0) == (why[0] == '\0'));
    FUZZ_CHECK(error != 0 || size == 0 || memchr(text, '{', size) != NULL);
    (void)admin_form_find(text, size, "message", body_text, sizeof body_text);
    (void)admin_form_find_count(text, size, "exit_code", &count);
    FUZZ_CHECK(memchr(body_text, '\0', sizeof body_text) != NULL);
}

/* A cursor that is accepted is written as it was read. */
static void check_page(const char *after)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    char cursor[ADMIN_PAGE_CURSOR_SIZE];
    struct admin_page page;
    int error = admin_page_init(&page, "1", after, why, sizeof why);
    if (error == 0) {
        page.has_next = true;
        uint64_t key = page.after.key;
        char *name = page.after.name;
        page.after.name = NULL;
        admin_page_offer(&page, key, name);
        FUZZ_CHECK(
            strcmp(strchr(admin_page_next(&page, cursor), '.') + 1, name) == 0);
        page.after.name = name;
    } else {
        FUZZ_CHECK(why[0] != '\0');
    }
    admin_page_free(&page);
}

/* No name is known by itself. */
static void check_host(const char *host)
{
    if (admin_host_is_known(host, NULL)) {
        FUZZ_CHECK(strncasecmp(host, "localhost", 9) == 0 || host[0] == '[' ||
                   strspn(host, "0123456789.:") == strlen(host));
    }
    if (strstr(host, "://") == NULL) {
        FUZZ_CHECK(admin_origin_is_foreign(NULL, host, host));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t text_size = size - 1;
    char *text = malloc(text_size + 1); /* of just this size */
    FUZZ_CHECK(text != NULL);
    memcpy(text, data + 1, text_size);
    if (data[0] % 4 == 0) {
        char *exact = malloc(text_size > 0 ? text_size : 1);
        FUZZ_CHECK(exact != NULL);
        memcpy(exact, text, text_size);
        check_form(exact, text_size);
        free(exact);
        free(text);
        return 0;
    }
    text[text_size] = '\0';
    if (data[0] % 4 == 1) {
        check_route(text);
    } else if (data[0] % 4 == 2) {
        check_page(text);
    } else {
        check_host(text);
    }
    free(text);
    return 0;
}
