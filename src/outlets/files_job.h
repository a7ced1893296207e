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
#include "inbox/inbox.h"

#define FILES_BUFFER_SIZE 65536
#define FILES_NAME_SIZE 64 /* name of a file in the folder of a queue */

/* Shared by all files of an outlet. */
struct files_root {
    const char *path;               /* borrowed; root folder of all files */
    const char *inbox_uuid;         /* borrowed; inbox of the messages */
    mode_t folder_mode;             /* for created folders */
    mode_t file_mode;               /* for created files */
    size_t buffered;                /* bytes in buffer */
    char buffer[FILES_BUFFER_SIZE]; /* data not written yet */
};

struct files_job {
    struct files_root *root;              /* borrowed */
    const struct inbox_message *messages; /* borrowed; of one queue */
    size_t count;                         /* 1 for format raw */
    bool is_prepared;   /* its folder is known to be durable */
    struct reason *why; /* borrowed; describes a failure */
    /* Set by the steps: */
    int error;                  /* errno of the step that failed, or 0 */
    bool is_name_bad;           /* the file system never accepts it */
    bool is_hidden;             /* its file still has the hidden name */
    int folder;                 /* descriptor, or -1 */
    int file;                   /* descriptor, or -1 */
    char path[PATH_MAX];        /* folder of the queue */
    char name[FILES_NAME_SIZE]; /* name of the file in it */
};

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
