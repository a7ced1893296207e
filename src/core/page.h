/*
 * page.h - what a page that came instead of an answer says, in a few words.
 */
#ifndef CORE_PAGE_H
#define CORE_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#define PAGE_QUOTE_SIZE_MAX 160 /* leaves room for advice in a reason */
#define PAGE_LOOK_SIZE_MAX 4096 /* what is quoted stands before here */

struct page_quote {
    char text[PAGE_QUOTE_SIZE_MAX]; /* `: "Group not defined"`, or "" */
};

/* Whether it begins as an HTML page does. */
bool page_is_html(const char *page, size_t size);

/* Quotes the text of Haplo's error page, or of any other page or plain text:
 * its beginning, without tags, white space folded. */
void page_quote(struct page_quote *quote, const char *page, size_t size);

#endif
