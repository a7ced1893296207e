/*
 * transfer_private.h - how the other files of this folder end a transfer. Each
 * of these calls done_cb, which may free nearly everything: do not use anything
 * of the transfer afterwards.
 */
#ifndef HTTP_TRANSFER_PRIVATE_H
#define HTTP_TRANSFER_PRIVATE_H

#include <curl/curl.h>
#include <stdbool.h>

struct easy;

/* libcurl is done with it. */
void transfer_finished(struct easy *easy, CURLcode code);

/* Its look-up has ended; error with the handle's reason set, or 0. */
void transfer_resolved(struct easy *easy, int error);

/* Its time is up, in total or for its phase; or the handle has failed. */
void transfer_expired(struct easy *easy, bool is_total);

#endif
