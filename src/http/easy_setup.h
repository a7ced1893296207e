/*
 * easy_setup.h - the options of an easy handle that stay the same from
 * one request to the next.
 */
#ifndef HTTP_EASY_SETUP_H
#define HTTP_EASY_SETUP_H

#include <curl/curl.h>
#include <stdbool.h>

struct easy;

struct easy_callbacks {
    curl_prereq_callback connected_cb; /* gets the easy, as all do */
    curl_write_callback header_cb;     /* */
    curl_write_callback body_cb;       /* */
};

/* For easy->endpoint. False when there is no memory. */
bool easy_set_options(struct easy *easy,
                      const struct easy_callbacks *callbacks);

/* Connections are tried to that many addresses, one after the other. False
 * when there is no memory. */
bool easy_set_address_count(struct easy *easy, unsigned count);

#endif
