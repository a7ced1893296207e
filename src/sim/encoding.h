/*
 * encoding.h - base64 and form encoding, as strict as the server is.
 */
#ifndef SIM_ENCODING_H
#define SIM_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/buffer.h"

/* Appends base64 with padding. */
void sim_base64_encode(struct sim_buffer *to, const char *bytes, size_t size);

/* Appends what text decodes to; false for another alphabet or a wrong ending.
 * Padding may be missing but not wrong: the server's decoder throws for
 * "MSwy8w099=" and for a space, where a plus was not percent-encoded. */
bool sim_base64_decode(struct sim_buffer *to, const char *text, size_t size);

/* Appends the value of a field of an urlencoded form or query, decoded; false
 * when there is none. */
bool sim_form_find(struct sim_buffer *to, const char *form, size_t size,
                   const char *name);

#endif
