/*
 * easy_setup.h - the options of an easy handle that stay the same from
 * one transfer to the next.
 */
#ifndef HTTP_EASY_SETUP_H
#define HTTP_EASY_SETUP_H

#include <curl/curl.h>
#include <stdbool.h>

struct easy;

/* All get the struct easy as their data. */
struct easy_callbacks {
    curl_prereq_callback connected_cb; /* established, about to send */
    curl_write_callback header_cb;     /* for each line of a head */
    curl_write_callback body_cb;       /* for each piece of a body */
};

/* For easy->endpoint. False when there is no memory. */
bool easy_set_options(struct easy *easy,
                      const struct easy_callbacks *callbacks);

/* How many addresses libcurl will try in turn. False when there is no memory.
 */
bool easy_set_address_count(struct easy *easy, unsigned count);

#endif
