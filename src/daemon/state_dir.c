#include "daemon/state_dir.h"

#include <errno.h>
#include <stdio.h>

#include "base/durable.h"
#include "base/errno_reason.h"
#include "base/lock_file.h"

#define PATH_SIZE_MAX 4096
#define FOLDER_MODE 0700
#define LOCK_MODE 0600

static int folder_make(const char *path, struct reason *why)
{
    char named[PATH_SIZE_MAX + sizeof "state_dir "];
    const char *what;
    int number = durable_make_folder(path, FOLDER_MODE, &what);
    if (number == 0) {
        return 0;
    }
    snprintf(named, sizeof named, "state_dir %s", path);
    return errno_reason_classify(why, named, what, number);
}

int state_dir_lock(const char *path, int *lock, struct reason *why)
{
    char lock_path[PATH_SIZE_MAX];
    char holder[LOCK_FILE_HOLDER_SIZE];
    *lock = -1;
    int error = folder_make(path, why);
    if (error != 0) {
        return error;
    }
    int size = snprintf(lock_path, sizeof lock_path, "%s/lock", path);
    if (size < 0 || (size_t)size >= sizeof lock_path) {
        return errno_reason_classify(why, path, "cannot be locked",
                                     ENAMETOOLONG);
    }
    error =
        lock_file_take(lock_path, LOCK_MODE, "haplo-poll", lock, holder, why);
    return error != HAPLO_EEXIST
               ? error
               : reason_set(why, error,
                            "state_dir %s is in use by %s: stop that one "
                            "first, or give this one its own state_dir",
                            path, holder);
}

void state_dir_unlock(int lock)
{
    lock_file_release(lock);
}
