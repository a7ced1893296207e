/*
 * raw_batch.h - a batch in any format: the whole body is one message, and a
 * regular expression finds the token in it.
 */
#ifndef CORE_RAW_BATCH_H
#define CORE_RAW_BATCH_H

#include "base/reason.h"
#include "core/batch.h"
#include "core/fetch_format.h"

/* To be called when the body is complete. Creates the message and the form, or
 * neither if the token is empty. Returns 0, HAPLO_EDOCUMENT, HAPLO_ETOOBIG or
 * HAPLO_ENOMEM, with why set. */
int raw_batch_finish(struct batch *batch, const struct fetch_format *format,
                     struct reason *why);

#endif
