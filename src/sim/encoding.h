/*
 * encoding.h - base64 and form encoding, exactly as strict as the server.
 */
#ifndef SIM_ENCODING_H
#define SIM_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/buffer.h"

/* Appends base64 with padding. */
void sim_base64_encode(struct sim_buffer *to, const char *bytes, size_t size);

/* Decodes text and appends the bytes; false for invalid characters or lengths.
 * Padding may be absent but not wrong: the server's decoder throws on
 * "MSwy8w099=", and on a space, which is what a "+" becomes if a client does
 * not percent-encode it. */
bool sim_base64_decode(struct sim_buffer *to, const char *text, size_t size);

/* Appends the decoded value of a field of an urlencoded form or query; false
 * if it has no such field. */
bool sim_form_find(struct sim_buffer *to, const char *form, size_t size,
                   const char *name);

#endif
