/*
 * files_job.h - messages on their way to one file, step by step. Blocking.
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
#define FILES_NAME_SIZE 64 /* of a file, in a queue's folder */

/* What the files of an outlet have in common. */
struct files_root {
    const char *path;               /* of the folder of all files; borrowed */
    const char *inbox_uuid;         /* whose messages they are; borrowed */
    mode_t folder_mode;             /* of folders that are made in it */
    mode_t file_mode;               /* of files */
    size_t buffered;                /* bytes of the file being written: */
    char buffer[FILES_BUFFER_SIZE]; /* not written yet */
};

struct files_job {
    struct files_root *root;              /* borrowed */
    const struct inbox_message *messages; /* of one queue; borrowed */
    size_t count;                         /* with format raw: one */
    bool is_prepared;                     /* its folder was made before */
    struct reason *why;                   /* of a failure; borrowed */
    /* set by the steps */
    int error;                  /* errno of the step that failed, or 0 */
    bool is_name_bad;           /* the file system never takes it */
    bool is_hidden;             /* its file has a name with a dot */
    int folder;                 /* descriptor, or -1 */
    int file;                   /* descriptor, or -1 */
    char path[PATH_MAX];        /* of the queue's folder */
    char name[FILES_NAME_SIZE]; /* of the file in it */
};

/* Fill the first part before. */
void files_job_init(struct files_job *job);

/* The steps, in this order; none after one has set error. */
void files_job_open(struct files_job *job);   /* its folder; sets is_prepared */
void files_job_write(struct files_job *job);  /* its file */
void files_job_sync(struct files_job *job);   /* the same */
void files_job_show(struct files_job *job);   /* gives it its name */
void files_job_settle(struct files_job *job); /* makes that durable */

/* Closes all, and removes what nobody should see. */
void files_job_end(struct files_job *job);

#endif
