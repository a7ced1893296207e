#include "daemon/admin/admin_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "config/units.h"

#define CURSOR_FORMAT "%016" PRIx64 "."
#define CURSOR_KEY_SIZE 17 /* of what it prints */

/* Less than, equal to or greater than zero, as a comes before or after b. */
static int compare(const struct admin_page *page, uint64_t a_key,
                   const char *a_name, uint64_t b_key, const char *b_name)
{
    if (a_key != b_key) {
        return a_key < b_key ? -1 : 1;
    }
    int order = strcmp(a_name, b_name);
    return page->is_descending ? -order : order;
}

static int compare_entries(const struct admin_page *page,
                           const struct admin_page_entry *a,
                           const struct admin_page_entry *b)
{
    return compare(page, a->key, a->name, b->key, b->name);
}

/* The cursor */

static int read_cursor(struct admin_page *page, const char *text)
{
    char *end;
    if (strlen(text) <= CURSOR_KEY_SIZE ||
        strlen(text) >= ADMIN_PAGE_CURSOR_SIZE) {
        return HAPLO_EINVAL;
    }
    page->after.key = strtoull(text, &end, 16);
    if (end != text + CURSOR_KEY_SIZE - 1 || *end != '.') {
        return HAPLO_EINVAL;
    }
    page->after.name = strdup(end + 1);
    return page->after.name == NULL ? HAPLO_ENOMEM : 0;
}

int admin_page_init(struct admin_page *page, const char *limit,
                    const char *after, char *why, size_t why_size)
{
    uint64_t count = ADMIN_PAGE_LIMIT_DEFAULT;
    *page = (struct admin_page){0};
    if (limit != NULL && (count_parse(limit, &count) != 0 || count == 0 ||
                          count > ADMIN_PAGE_LIMIT_MAX)) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "limit: give a number from 1 to %d",
                            ADMIN_PAGE_LIMIT_MAX);
    }
    page->limit = (size_t)count;
    int error = after == NULL ? 0 : read_cursor(page, after);
    if (error == HAPLO_EINVAL) {
        return reason_write(why, why_size, error,
                            "after: give the value of next in the page before");
    }
    page->entries =
        error == 0 ? calloc(page->limit, sizeof *page->entries) : NULL;
    return error == 0 && page->entries == NULL ? HAPLO_ENOMEM : error;
}

const char *admin_page_next(const struct admin_page *page,
                            char text[ADMIN_PAGE_CURSOR_SIZE])
{
    if (!page->has_next || page->count == 0) {
        return NULL;
    }
    const struct admin_page_entry *last = &page->entries[page->count - 1];
    snprintf(text, ADMIN_PAGE_CURSOR_SIZE, CURSOR_FORMAT "%s", last->key,
             last->name);
    return text;
}

/* The heap: the last entry of the page is at its top */

static void swap(struct admin_page *page, size_t i, size_t j)
{
    struct admin_page_entry entry = page->entries[i];
    page->entries[i] = page->entries[j];
    page->entries[j] = entry;
}

static void sift_up(struct admin_page *page, size_t i)
{
    while (i > 0 && compare_entries(page, &page->entries[(i - 1) / 2],
                                    &page->entries[i]) < 0) {
        swap(page, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

static void sift_down(struct admin_page *page, size_t i, size_t count)
{
    for (size_t child = 2 * i + 1; child < count; child = 2 * i + 1) {
        if (child + 1 < count &&
            compare_entries(page, &page->entries[child],
                            &page->entries[child + 1]) < 0) {
            child++;
        }
        if (compare_entries(page, &page->entries[i], &page->entries[child]) >=
            0) {
            return;
        }
        swap(page, i, child);
        i = child;
    }
}

static void keep(struct admin_page *page, uint64_t key, char *name)
{
    const struct admin_page_entry entry = {key, name};
    if (page->count < page->limit) {
        page->entries[page->count] = entry;
        sift_up(page, page->count++);
        return;
    }
    char *dropped = page->entries[0].name;
    page->entries[0] = entry;
    sift_down(page, 0, page->count);
    free(dropped);
}

void admin_page_offer(struct admin_page *page, uint64_t key, const char *name)
{
    if (page->after.name != NULL &&
        compare(page, key, name, page->after.key, page->after.name) <= 0) {
        return; /* on a page before */
    }
    bool is_full = page->count == page->limit;
    page->has_next |= is_full;
    if (is_full && compare(page, key, name, page->entries[0].key,
                           page->entries[0].name) >= 0) {
        return;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        page->is_failed = true;
        return;
    }
    keep(page, key, copy);
}

/* Moves the last one of the heap to its end, again and again. */
void admin_page_sort(struct admin_page *page)
{
    for (size_t count = page->count; count > 1; count--) {
        swap(page, 0, count - 1);
        sift_down(page, 0, count - 1);
    }
}

void admin_page_restart(struct admin_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        free(page->entries[i].name);
    }
    page->count = 0;
    page->has_next = false;
}

void admin_page_free(struct admin_page *page)
{
    admin_page_restart(page);
    free(page->entries);
    free(page->after.name);
    *page = (struct admin_page){0};
}
