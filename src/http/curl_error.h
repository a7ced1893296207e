/*
 * curl_error.h - why a transfer failed, as one of our errors and one line.
 */
#ifndef HTTP_CURL_ERROR_H
#define HTTP_CURL_ERROR_H

#include <curl/curl.h>
#include <stdbool.h>

struct easy;

/* Sets the handle's reason to what libcurl's error means for an operator, and
 * returns the HAPLO_E* of it. */
int curl_error_explain(struct easy *easy, CURLcode code);

/* The same for a time limit that has expired: that of the whole transfer, or
 * that of its current phase. HAPLO_ETIMEDOUT. */
int curl_error_explain_limit(struct easy *easy, bool is_total);

#endif
