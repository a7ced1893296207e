/*
 * files.h - the outlet that writes messages to files in a folder;
 * haplo-files(5) describes the folder for receivers.
 */
#ifndef OUTLETS_FILES_H
#define OUTLETS_FILES_H

#include "outlets/blocking.h"
#include "outlets/files/files_options.h"
#include "outlets/outlet.h"

extern const struct outlet_type files_outlet_type;

/* Its operations on the thread, for tests. */
extern const struct blocking_ops files_ops;

#endif
