/*
 * ledger_kind.h - the record of a sink that is no database. It holds no
 * messages, only the keys of those that go out in the present epoch of each
 * queue, with their places (outlet.h) and whether they are out.
 */
#ifndef SINKS_LEDGER_KIND_H
#define SINKS_LEDGER_KIND_H

#include "sinks/record_kind.h"

/* PRAGMA application_id of a ledger: "HPLG". */
#define LEDGER_APPLICATION_ID 0x48504c47

extern const struct record_kind ledger_kind;

#endif
