#include "daemon/gather/refused_keys.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/gather/failed_logins_file.h"

#define NAME_SIZE (2 * HAPLO_NAME_SIZE_MAX + 2)

static const char *name_of(const void *name)
{
    return name;
}

void refused_keys_init(struct refused_keys *keys)
{
    *keys = (struct refused_keys){.names = {.name_of = name_of}};
}

static char *find(const struct refused_keys *keys, const char *server,
                  const char *queue)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s/%s", server, queue);
    return name_table_find(&keys->names, name);
}

int refused_keys_add(struct refused_keys *keys, const char *server,
                     const char *queue)
{
    char text[NAME_SIZE];
    if (find(keys, server, queue) != NULL) {
        return 0;
    }
    snprintf(text, sizeof text, "%s/%s", server, queue);
    char *name = strdup(text);
    if (name == NULL || name_table_add(&keys->names, name) != 0) {
        free(name);
        return HAPLO_ENOMEM;
    }
    return 0;
}

bool refused_keys_take(struct refused_keys *keys, const char *server,
                       const char *queue)
{
    char *name = find(keys, server, queue);
    if (name != NULL) {
        name_table_remove(&keys->names, name);
        free(name);
    }
    return name != NULL;
}

void refused_keys_print(const struct refused_keys *keys, FILE *file)
{
    const char *name;
    size_t cursor = 0;
    while ((name = name_table_next(&keys->names, &cursor)) != NULL) {
        char server[NAME_SIZE];
        size_t size = strcspn(name, "/");
        memcpy(server, name, size);
        server[size] = '\0';
        failed_logins_file_refused(file, server, name + size + 1);
    }
}

void refused_keys_clear(struct refused_keys *keys)
{
    char *name;
    size_t cursor = 0;
    while ((name = name_table_next(&keys->names, &cursor)) != NULL) {
        free(name);
    }
    name_table_free(&keys->names);
}
