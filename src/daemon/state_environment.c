/*
 * state_environment.c - the name is the target of a symbolic link, which leads
 * nowhere: it is made in one step, never holds half a name, and needs no room
 * on a disk that is full.
 */
#include "daemon/state_environment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/environment.h"
#include "base/errno_reason.h"
#include "haplopoll.h"

#define PATH_SIZE_MAX 4096
#define NONE "no environment" /* no name has a space; no target is empty */

/* Reads the name. Returns 0 or errno. */
static int name_read(const char *path, char name[HAPLO_NAME_SIZE_MAX + 1])
{
    ssize_t size = readlink(path, name, HAPLO_NAME_SIZE_MAX);
    int number = size < 0 ? errno : 0;
    name[size > 0 ? size : 0] = '\0';
    return number;
}

static int name_write(const char *path, const char *state_dir, const char *name)
{
    return symlink(name, path) != 0 ? errno : durable_folder_path(state_dir);
}

int state_environment_claim(const char *state_dir, const char *environment,
                            struct reason *why)
{
    char path[PATH_SIZE_MAX];
    char name[HAPLO_NAME_SIZE_MAX + 1] = "";
    char what[PATH_SIZE_MAX + sizeof "state_dir "];
    const char *selected = environment != NULL ? environment : NONE;
    int size = snprintf(path, sizeof path, "%s/environment", state_dir);
    int number = size < (int)sizeof path ? name_read(path, name) : ENAMETOOLONG;
    if (number == ENOENT) {
        number = name_write(path, state_dir, selected);
        snprintf(name, sizeof name, "%s", selected);
    }
    if (number != 0) {
        return errno_reason_classify(why, path, "cannot be read or made",
                                     number);
    }
    snprintf(what, sizeof what, "state_dir %s", state_dir);
    return environment_compare(what, strcmp(name, NONE) == 0 ? "" : name,
                               environment != NULL ? environment : "", why);
}
