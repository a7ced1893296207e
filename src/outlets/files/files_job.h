/*
 * files_job.h - writes messages to a file, step by step. Blocking.
 */
#ifndef OUTLETS_FILES_JOB_H
#define OUTLETS_FILES_JOB_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/reason.h"
#include "outlets/files/csv.h"
#include "outlets/files/files_sink.h"
#include "outlets/outlet.h"

#define FILES_NAME_SIZE 96 /* name of a file in the folder of a queue */

/* Shared by all files of an outlet. */
struct files_root {
    const char *path;       /* borrowed; root folder of all files */
    const char *inbox_uuid; /* borrowed; inbox of the messages */
    mode_t folder_mode;     /* for created folders */
    mode_t file_mode;       /* for created files */
    bool is_per_message;    /* files hold one message, as it is */
    bool has_dates;         /* folders of queues have a folder for each day */
    struct csv *csv;        /* owned: rows instead of messages; or NULL */
    struct files_sink sink; /* open: writes them */
};

struct files_job {
    struct files_root *root;              /* borrowed */
    const struct outlet_parcel *parcel;   /* borrowed; of one queue */
    const struct inbox_message *messages; /* borrowed: some of it */
    size_t count;                         /* 1 for format raw */
    bool is_prepared;   /* its folder is known to be durable */
    struct reason *why; /* borrowed; describes a failure */
    /* Set by the steps: */
    int error;                  /* errno of the step that failed, or 0 */
    bool is_name_bad;           /* the file system never accepts it */
    bool is_data_bad;           /* the message at written is not JSON */
    bool is_hidden;             /* its file still has the hidden name */
    size_t written;             /* messages, to the buffer at least */
    int folder;                 /* descriptor, or -1 */
    int file;                   /* descriptor, or -1 */
    char path[PATH_MAX];        /* folder of the queue */
    char name[FILES_NAME_SIZE]; /* name of the file in it */
};

/* "2026-11-28": when the message was fetched, in UTC. */
#define FILES_DAY_SIZE 11
void files_job_day(const struct inbox_message *message,
                   char day[FILES_DAY_SIZE]);

/* The first part must be filled. */
void files_job_init(struct files_job *job);

/* The steps, in this order. Stop after a step that has set error. */
void files_job_open(
    struct files_job *job); /* opens the folder; sets is_prepared */
void files_job_write(struct files_job *job);  /* writes the file */
void files_job_sync(struct files_job *job);   /* syncs the file */
void files_job_show(struct files_job *job);   /* renames the file */
void files_job_settle(struct files_job *job); /* syncs the folder */

/* Closes everything, and removes a partial file. */
void files_job_end(struct files_job *job);

#endif
