/*
 * inbox_kind.h - the record that holds the messages themselves: its tables,
 * which haplo-inbox(5) documents.
 */
#ifndef SINKS_INBOX_KIND_H
#define SINKS_INBOX_KIND_H

#include "sinks/record_kind.h"

/* PRAGMA application_id of an inbox: "HPIN". */
#define INBOX_APPLICATION_ID 0x4850494e

extern const struct record_kind inbox_kind;

#endif
