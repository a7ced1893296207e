#include "outlets/exec/exec_environment.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/wall_clock.h"
#include "outlets/message_id.h"

#define OWN_COUNT_MAX 8 /* about the messages */

/* What programs need to be found and to write for the people here. */
static const char *const inherited[EXEC_INHERITED_COUNT] = {
    "PATH", "HOME", "LANG", "LC_ALL", "TZ"};

/* Length of the name that an entry begins with. */
static size_t name_size(const char *entry)
{
    return strcspn(entry, "=");
}

/* The entry of this name in the environment of haplo-poll, or NULL. */
static char *entry_find(const char *name, size_t size)
{
    for (char **entry = environ; *entry != NULL; entry++) {
        if (strncmp(*entry, name, size) == 0 && (*entry)[size] == '=') {
            return *entry;
        }
    }
    return NULL;
}

static void entry_add(struct exec_environment *environment, char *entry)
{
    environment->entries[environment->count++] = entry;
}

/* An entry replaces an earlier one of the same name: there is only one of a
 * name, since programs differ in which of two they see. */
static void entry_set(struct exec_environment *environment, char *entry)
{
    size_t size = name_size(entry) + 1;

    for (size_t i = 0; i < environment->count; i++) {
        if (strncmp(environment->entries[i], entry, size) == 0) {
            environment->entries[i] = entry;
            return;
        }
    }
    entry_add(environment, entry);
}

size_t exec_environment_inherited(char *entries[EXEC_INHERITED_COUNT])
{
    size_t count = 0;

    for (size_t i = 0; i < EXEC_INHERITED_COUNT; i++) {
        char *entry = entry_find(inherited[i], strlen(inherited[i]));

        if (entry != NULL) {
            entries[count++] = entry;
        }
    }
    return count;
}

static void added_set(struct exec_environment *environment,
                      const char *const *added)
{
    for (; added != NULL && *added != NULL; added++) {
        size_t size = name_size(*added);
        char *entry =
            (*added)[size] == '=' ? (char *)*added : entry_find(*added, size);

        if (entry != NULL) {
            entry_set(environment, entry);
        }
    }
}

/* Cannot fail: the text is as large as all of them together. */
__attribute__((format(printf, 2, 3))) static void own_add(
    struct exec_environment *environment, const char *format, ...)
{
    char *entry = environment->text + environment->used;
    size_t room = EXEC_ENVIRONMENT_TEXT_SIZE - environment->used;
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(entry, room, format, arguments);
    va_end(arguments);
    assert(size >= 0 && (size_t)size < room);
    environment->used += (size_t)size + 1;
    entry_add(environment, entry);
}

/* Adds HAPLO_*: see haplo-exec(5). */
static void messages_add(struct exec_environment *environment,
                         const struct outlet_parcel *parcel, size_t count,
                         bool is_batch, const char *inbox_uuid)
{
    const struct inbox_message *first =
        parcel->messages + parcel->delivered_count;
    uint64_t replay_id = parcel->has_new_ids ? parcel->replay_id : 0;
    char date[WALL_CLOCK_TEXT_SIZE];
    char id[MESSAGE_ID_SIZE_MAX];

    own_add(environment, "HAPLO_SERVER=%s", first->server);
    own_add(environment, "HAPLO_QUEUE=%s", first->queue);
    if (is_batch) {
        (void)message_id_write_batch(id, first, count, inbox_uuid, replay_id);
        own_add(environment, "HAPLO_COUNT=%zu", count);
        own_add(environment, "HAPLO_FIRST_ARRIVAL=%" PRIu64, first->arrival);
        own_add(environment, "HAPLO_LAST_ARRIVAL=%" PRIu64,
                first[count - 1].arrival);
    } else {
        (void)message_id_write(id, first, inbox_uuid, replay_id);
        own_add(environment, "HAPLO_ARRIVAL=%" PRIu64, first->arrival);
    }
    own_add(environment, "HAPLO_ID=%s", id);
    own_add(environment, "HAPLO_RECEIVED_AT=%s",
            wall_clock_text(first->received_at_ms, date));
    if (parcel->replay_id != 0) {
        own_add(environment, "HAPLO_REPLAY=%" PRIu64, parcel->replay_id);
    }
}

bool exec_environment_make(struct exec_environment *environment,
                           const char *const *added,
                           const struct outlet_parcel *parcel, size_t count,
                           bool is_batch, const char *inbox_uuid)
{
    size_t added_count = 0;

    while (added != NULL && added[added_count] != NULL) {
        added_count++;
    }
    environment->count = 0;
    environment->used = 0;
    environment->entries =
        malloc((EXEC_INHERITED_COUNT + added_count + OWN_COUNT_MAX + 1) *
               sizeof(*environment->entries));
    if (environment->entries == NULL) {
        return false;
    }
    environment->count = exec_environment_inherited(environment->entries);
    added_set(environment, added);
    messages_add(environment, parcel, count, is_batch, inbox_uuid);
    environment->entries[environment->count] = NULL;
    return true;
}

void exec_environment_free(struct exec_environment *environment)
{
    free(environment->entries);
}
