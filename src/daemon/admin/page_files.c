/*
 * page_files.c - puts the files of web/ into the program: the assembler reads
 * them. To add a file, add a line to FILES. The Makefile assembles this again
 * if one of them changes; paths are relative to where make runs.
 */
#include "daemon/admin/page_files.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define JS "text/javascript; charset=utf-8"
#define SVG "image/svg+xml"

/* X(symbol, file, type) */
#define FILES(X)                              \
    X(index_html, "index.html", HTML)         \
    X(icon_svg, "icon.svg", SVG)              \
    X(page_css, "page.css", CSS)              \
    X(parts_css, "parts.css", CSS)            \
    X(api_js, "api.js", JS)                   \
    X(cards_js, "cards.js", JS)               \
    X(columns_js, "columns.js", JS)           \
    X(dom_js, "dom.js", JS)                   \
    X(filters_js, "filters.js", JS)           \
    X(format_js, "format.js", JS)             \
    X(gauge_js, "gauge.js", JS)               \
    X(grid_js, "grid.js", JS)                 \
    X(health_js, "health.js", JS)             \
    X(hosts_js, "hosts.js", JS)               \
    X(inbox_story_js, "inbox_story.js", JS)   \
    X(letters_js, "letters.js", JS)           \
    X(live_js, "live.js", JS)                 \
    X(login_js, "login.js", JS)               \
    X(main_js, "main.js", JS)                 \
    X(model_js, "model.js", JS)               \
    X(outlet_story_js, "outlet_story.js", JS) \
    X(plot_js, "plot.js", JS)                 \
    X(queue_list_js, "queue_list.js", JS)     \
    X(queue_story_js, "queue_story.js", JS)   \
    X(reload_js, "reload.js", JS)             \
    X(series_js, "series.js", JS)             \
    X(server_story_js, "server_story.js", JS) \
    X(story_js, "story.js", JS)               \
    X(story_parts_js, "story_parts.js", JS)   \
    X(summary_js, "summary.js", JS)

#define EMBED(symbol, file, type)                          \
    __asm__(".pushsection .rodata\n"                       \
            "page_" #symbol ": .incbin \"web/" file "\"\n" \
            "page_" #symbol "_end: .byte 0\n"              \
            ".popsection\n");                              \
    extern const char page_##symbol[];                     \
    extern const char page_##symbol##_end[];
FILES(EMBED)

static const struct page_file files[] = {
#define ENTRY(symbol, file, type) \
    {file, type, page_##symbol, page_##symbol##_end},
    FILES(ENTRY)};

const struct page_file *page_file_find(const char *name)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(files[i].name, name) == 0) {
            return &files[i];
        }
    }
    return NULL;
}

/* FNV-1a: there is no adversary who chooses the files. */
void page_file_tag(const struct page_file *file, char tag[PAGE_TAG_SIZE])
{
    uint64_t hash = 0xcbf29ce484222325;
    for (const char *byte = file->data; byte != file->end; byte++) {
        hash = (hash ^ (unsigned char)*byte) * 0x100000001b3;
    }
    (void)snprintf(tag, PAGE_TAG_SIZE, "\"%016llx\"", (unsigned long long)hash);
}
