/*
 * preview.h - which messages an outlet would forward, without running it.
 */
#ifndef OUTLETS_PREVIEW_H
#define OUTLETS_PREVIEW_H

#include "outlets/forwarder/forwarder.h"

struct preview;

/* Borrows options. NULL if memory runs out. */
struct preview *preview_new(const struct forwarder_options *options);
void preview_free(struct preview *preview);

/* 1 if the outlet wants this message, 0 if not, or HAPLO_ENOMEM. */
int preview_accepts(struct preview *preview,
                    const struct inbox_message *message);

#endif
