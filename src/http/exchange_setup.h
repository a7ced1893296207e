/*
 * exchange_setup.h - the options of an easy handle that stay the same from
 * one request to the next.
 */
#ifndef HTTP_EXCHANGE_SETUP_H
#define HTTP_EXCHANGE_SETUP_H

#include <curl/curl.h>
#include <stdbool.h>

struct exchange;

struct exchange_callbacks {
    curl_prereq_callback connected_cb; /* gets the exchange, as all do */
    curl_write_callback header_cb;     /* */
    curl_write_callback body_cb;       /* */
};

/* For exchange->endpoint. False when there is no memory. */
bool exchange_set_options(struct exchange *exchange,
                          const struct exchange_callbacks *callbacks);

/* Connections are tried to that many addresses, one after the other. False
 * when there is no memory. */
bool exchange_set_address_count(struct exchange *exchange, unsigned count);

#endif
