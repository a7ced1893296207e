#include "inbox/sqlite/sqlite_options.h"

#include <stddef.h>

#include "inbox/sqlite/sqlite_inbox.h"

const struct option_row sqlite_option_rows[SQLITE_OPTION_COUNT] = {
    {.name = "path",
     .value = OPTION_PATH,
     .offset = offsetof(struct sqlite_inbox_options, path),
     .help = "The file. It is created when it is first used, and must be on a "
             "local disk."},
    {.name = "wal_max",
     .value = OPTION_SIZE,
     .min = (uint64_t)64 << 20,
     .max = (uint64_t)1 << 44,
     .fallback = "10G",
     .offset = offsetof(struct sqlite_inbox_options, wal_bytes_max),
     .help = "The size of the -wal file, or half of the free space on its disk "
             "if that is less, beyond which nothing is stored while another "
             "program keeps a read transaction open."},
    {.name = "keep",
     .value = OPTION_DURATION,
     .min = 1000,
     .max = UINT64_C(36500) * 86400 * 1000,
     .fallback = "none",
     .offset = offsetof(struct sqlite_inbox_options, keep_ms),
     .help = "How long messages stay in the inbox: older ones are deleted once "
             "every outlet has passed them. What an outlet has yet to deliver, "
             "and dead letters, are never deleted. The default is to keep "
             "everything. See haplo-inbox(5)."},
    {.name = "latest_objects",
     .value = OPTION_BOOL,
     .fallback = "false",
     .offset = offsetof(struct sqlite_inbox_options, keeps_latest),
     .help = "Whether the newest message of each object of the queue global "
             "stays beyond keep: the one with the highest recordVersion."},
    {.name = "secure_delete",
     .value = OPTION_BOOL,
     .fallback = "false",
     .offset = offsetof(struct sqlite_inbox_options, has_secure_delete),
     .help = "Whether the space of deleted messages is overwritten with zeros. "
             "Deleting then writes as much as storing did."},
    {.name = "free_space_min",
     .value = OPTION_SIZE,
     .min = 1,
     .max = (uint64_t)1 << 44,
     .fallback = "64M",
     .offset = offsetof(struct sqlite_inbox_options, free_bytes_min),
     .help = "The space that is left free on the disk of the inbox, or a "
             "twentieth of the disk if that is less. Below it nothing is "
             "fetched, so that outlets, the progress of what was fetched, and "
             "the deletion of old messages can go on."},
};
