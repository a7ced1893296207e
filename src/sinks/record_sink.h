/*
 * record_sink.h - a sink whose record is an SQLite file: the inbox, or a
 * ledger in front of an outlet. sqlite.h and files.h open such sinks.
 */
#ifndef SINKS_RECORD_SINK_H
#define SINKS_RECORD_SINK_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "sinks/outlet.h"
#include "sinks/record_kind.h"
#include "sinks/sink.h"

struct record_sink_options {
    const char *type_name;          /* as in the configuration; borrowed */
    const char *name;               /* of the configuration; copied */
    const struct record_kind *kind; /* of the record */
    const char *path;               /* of the record; copied */
    struct outlet *outlet;          /* taken, but not on error; or NULL */
    uint64_t first_epoch;           /* of a queue that is not on record */
};

/*
 * Opens the record at path, which is made (mode 0600, less the umask) if there
 * is none. Blocking: used at start and reload only, and waits up to 2 s for
 * another program's lock. Borrows the loop until close_cb. Give it an absolute
 * path if the process changes its folder.
 *
 * One sink for a record at a time: the epochs of its queues are read here, so
 * the close_cb of an earlier sink on the same file must have fired.
 *
 * 0, or HAPLO_EINVAL (path: a folder, not writable, not of this kind, of a
 * newer version, damaged), HAPLO_EBUSY (locked), HAPLO_ENOMEM, with one line
 * in why (why_size bytes large) and *out NULL.
 */
int record_sink_open(uv_loop_t *loop, const struct record_sink_options *options,
                     struct sink **out, char *why, size_t why_size);

#endif
