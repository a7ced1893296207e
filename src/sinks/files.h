/*
 * files.h - the sink that writes each batch as a file into a folder. What is
 * new is told by a ledger. haplo-files(5) describes the folder to those who
 * read it.
 */
#ifndef SINKS_FILES_H
#define SINKS_FILES_H

#include <stddef.h>

#include <uv.h>

#include "sinks/outlet.h"
#include "sinks/sink.h"

/*
 * Opens the sink on the folder at path, which is made (mode 0700, less the
 * umask) if there is none, and the ledger at ledger_path; see
 * record_sink_open(). Copies name and paths.
 *
 * HAPLO_EINVAL also if path is no folder or cannot be written, HAPLO_EBUSY
 * also if another process, or sink, has it.
 */
int files_sink_open(uv_loop_t *loop, const char *name, const char *path,
                    const char *ledger_path, struct sink **out, char *why,
                    size_t why_size);

/* The folder without a ledger. Errors as above; on error *out is NULL. */
int files_outlet_open(const char *path, struct outlet **out, char *why,
                      size_t why_size);

#endif
