/*
 * files.h - the outlet that writes messages as files into a folder.
 * haplo-files(5) describes the folder to those who read it.
 */
#ifndef OUTLETS_FILES_H
#define OUTLETS_FILES_H

#include "outlets/blocking.h"
#include "outlets/outlet.h"

struct files_options {
    const char *path; /* of the folder of all files */
};

extern const struct outlet_type files_outlet_type;

/* What its thread does, for tests. */
extern const struct blocking_ops files_ops;

#endif
