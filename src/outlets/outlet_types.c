/*
 * outlet_types.c - the registry of outlet types. To add one, add a file in
 * this folder and a row here; examples/outlets/ contains one to start from.
 * The Makefile defines HAPLO_TYPE_x if the library of the optional type x was
 * found.
 */
#include <assert.h>
#include <string.h>

#include "outlets/exec/exec.h"
#include "outlets/files/files.h"
#ifdef HAPLO_TYPE_kafka
#include "outlets/kafka/kafka.h"
#endif
#ifdef HAPLO_TYPE_nats
#include "outlets/nats/nats.h"
#endif
#include "outlets/outlet.h"
#include "outlets/stdout.h"
#include "outlets/webhook/webhook.h"

#define REGISTERED_COUNT_MAX 8 /* types added by outlet_type_register() */

static const struct outlet_type *const own[] = {
    &files_outlet_type, &stdout_outlet_type,
    &exec_outlet_type,  &webhook_outlet_type,
#ifdef HAPLO_TYPE_kafka
    &kafka_outlet_type,
#endif
#ifdef HAPLO_TYPE_nats
    &nats_outlet_type,
#endif
};

static const struct outlet_type *registered[REGISTERED_COUNT_MAX];
static size_t registered_count;

const struct outlet_type *outlet_type_at(size_t index)
{
    const size_t own_count = sizeof(own) / sizeof(own[0]);

    if (index < own_count) {
        return own[index];
    }
    index -= own_count;
    return index < registered_count ? registered[index] : NULL;
}

const struct outlet_type *outlet_type_find(const char *name)
{
    const struct outlet_type *type;

    for (size_t i = 0; (type = outlet_type_at(i)) != NULL; i++) {
        if (strcmp(type->name, name) == 0) {
            return type;
        }
    }
    return NULL;
}

const char *outlet_type_needs(const char *name)
{
    return strcmp(name, "kafka") == 0  ? "librdkafka"
           : strcmp(name, "nats") == 0 ? "libnats"
                                       : NULL;
}

void outlet_type_register(const struct outlet_type *type)
{
    assert(outlet_type_find(type->name) == NULL);
    assert(registered_count < REGISTERED_COUNT_MAX);
    registered[registered_count++] = type;
}
