/*
 * base64.h - bytes as base64 (RFC 4648, with padding). Pure.
 */
#ifndef OUTLETS_BASE64_H
#define OUTLETS_BASE64_H

#include "haplopoll.h"

/* The number of characters for so many bytes. */
static inline size_t base64_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

/* Writes them to out, without a NUL, and returns the end. */
char *base64_write(char *out, struct haplo_slice bytes);

#endif
