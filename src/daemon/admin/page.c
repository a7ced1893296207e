/*
 * page.c - serves the files of the page. They hold no secrets and need no
 * login: what they show, they ask the API for.
 *
 *   - A browser may keep a file, but asks each time whether it is still the
 *     same (ETag), so after an upgrade nobody sees a mixture of two versions.
 *   - The policy confines the page: only its own files and its own server, no
 *     inline code, no strings as markup, in nobody's frame. So even a text from
 *     the API that became markup by mistake could do nothing.
 */
#include "daemon/admin/page.h"

#include <string.h>

#include "daemon/admin/page_files.h"

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'";

static void add_headers(struct admin_request *request, const char *tag)
{
    admin_add_header(request, "ETag", tag);
    admin_add_header(request, "Cache-Control", "no-cache");
    admin_add_header(request, "Content-Security-Policy", policy);
}

/* A list of tags, or a weak one, from a proxy that compresses: it occurs. */
static bool is_known(const struct admin_request *request, const char *tag)
{
    const char *known = admin_header(request, "If-None-Match");
    return known != NULL && strstr(known, tag) != NULL;
}

static void serve(struct admin_request *request, const struct page_file *file)
{
    char tag[PAGE_TAG_SIZE];
    page_file_tag(file, tag);
    if (is_known(request, tag)) {
        admin_reply_text(request, 304, file->type, "", 0);
    } else {
        admin_reply_static(request, file->type, file->data,
                           (size_t)(file->end - file->data));
    }
    add_headers(request, tag);
}

void page_get(struct admin_request *request)
{
    serve(request, page_file_find("index.html"));
}

void page_get_file(struct admin_request *request)
{
    const struct page_file *file =
        page_file_find(admin_parameter(request, "file"));
    if (file == NULL) {
        admin_reply_error(request, 404, "there is nothing at this path");
        return;
    }
    serve(request, file);
}
