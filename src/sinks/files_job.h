/*
 * files_job.h - one batch on its way to a file, step by step. Blocking.
 */
#ifndef SINKS_FILES_JOB_H
#define SINKS_FILES_JOB_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "sinks/outlet.h"

#define FILES_BUFFER_SIZE 65536
#define FILES_NAME_SIZE 96 /* of a file, in a queue's folder */

/* What the files of a sink have in common. */
struct files_root {
    char *path;                     /* of the folder of all files */
    mode_t folder_mode;             /* of folders that are made in it */
    mode_t file_mode;               /* of files */
    size_t buffered;                /* bytes of the file being written: */
    char buffer[FILES_BUFFER_SIZE]; /* not written yet */
};

struct files_job {
    struct files_root *root;    /* borrowed */
    struct outlet_batch *batch; /* borrowed; gets its verdict */
    bool has_failed;            /* and its verdict tells why: end it */
    bool is_hidden;             /* its file has a name with a dot */
    int folder;                 /* descriptor, or -1 */
    int file;                   /* descriptor, or -1 */
    char path[PATH_MAX];        /* of the queue's folder */
    char name[FILES_NAME_SIZE]; /* of the file in it */
};

void files_job_init(struct files_job *job, struct files_root *root,
                    struct outlet_batch *batch);

/* The steps, in this order; none after one has set has_failed. */
void files_job_open(struct files_job *job);   /* its folder */
void files_job_write(struct files_job *job);  /* its file */
void files_job_sync(struct files_job *job);   /* the same */
void files_job_show(struct files_job *job);   /* gives it its name */
void files_job_settle(struct files_job *job); /* makes that durable; ACCEPT */

/* Closes all, and removes what nobody should see. */
void files_job_end(struct files_job *job);

#endif
