/*
 * admin_page.h - one page of a long list that is sorted: of all candidates that
 * it is offered, in any order, it keeps the first ones after a cursor. So a
 * list of 100,000 entries is never sorted, nor held, as a whole. Pure.
 *
 * Candidates are ordered by a number, then by name. The cursor is the last
 * entry of the page before; entries that come and go in between do no harm.
 */
#ifndef DAEMON_ADMIN_PAGE_H
#define DAEMON_ADMIN_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADMIN_PAGE_LIMIT_MAX 1000
#define ADMIN_PAGE_LIMIT_DEFAULT 100
#define ADMIN_PAGE_CURSOR_SIZE 512 /* with its NUL */

struct admin_page_entry {
    uint64_t key; /* the smallest comes first */
    char *name;   /* owned; among equals, in this order */
};

struct admin_page {
    size_t limit;                     /* entries on the page */
    bool is_descending;               /* names are in reverse order */
    struct admin_page_entry after;    /* the cursor; name NULL: none */
    struct admin_page_entry *entries; /* owned; a heap, then sorted */
    size_t count;                     /* length of entries */
    bool has_next;                    /* there are entries after these */
    bool is_failed;                   /* memory ran out */
};

/* limit and after are parameters of a request, or NULL. Returns 0;
 * HAPLO_EINVAL with why set; or HAPLO_ENOMEM. admin_page_free() must follow. */
int admin_page_init(struct admin_page *page, const char *limit,
                    const char *after, char *why, size_t why_size);

/* Offers a candidate. Copies name if it keeps it. */
void admin_page_offer(struct admin_page *page, uint64_t key, const char *name);

/* Sorts the entries: to be called when all candidates were offered. */
void admin_page_sort(struct admin_page *page);

/* Starts again with the same cursor. */
void admin_page_restart(struct admin_page *page);

/* Writes the cursor of the next page; NULL: this is the last one. */
const char *admin_page_next(const struct admin_page *page,
                            char text[ADMIN_PAGE_CURSOR_SIZE]);

void admin_page_free(struct admin_page *page);

#endif
