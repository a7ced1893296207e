/*
 * page.h - quotes a page that a server sent instead of the expected response,
 * in a few words for an error message.
 */
#ifndef CORE_PAGE_H
#define CORE_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#define PAGE_QUOTE_SIZE_MAX 160 /* leaves room for advice in a reason */
#define PAGE_LOOK_SIZE_MAX 4096 /* only this much of a page is searched */

struct page_quote {
    char text[PAGE_QUOTE_SIZE_MAX]; /* `: "Group not defined"`, or "" */
};

/* True if it begins like an HTML page. */
bool page_is_html(const char *page, size_t size);

/* Quotes the error text of Haplo's error page, or the beginning of any other
 * page or text, without tags and with white space folded. */
void page_quote(struct page_quote *quote, const char *page, size_t size);

#endif
