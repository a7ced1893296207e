/*
 * read_jobs.h - reads and requests of outlets, as jobs for the helper.
 */
#ifndef INBOX_SQLITE_READ_JOBS_H
#define INBOX_SQLITE_READ_JOBS_H

#include "inbox/sqlite/reader.h"

struct read_jobs {
    struct inbox *inbox;   /* knows the names of queues */
    struct worker *helper; /* runs the jobs */
    struct reader *reader; /* used by the helper */
};

/* Implement the operations of a store (inbox_store.h). Borrow jobs until they
 * are completed. */
void read_jobs_read(struct read_jobs *jobs, struct inbox_read *read);
void read_jobs_outlet(struct read_jobs *jobs,
                      struct inbox_outlet_request *request);
void read_jobs_lanes(struct read_jobs *jobs,
                     struct inbox_outlet_request *request);

#endif
