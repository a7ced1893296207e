#include "daemon/reload/reload_pins.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "daemon/gather/gather.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    return hash ^ hash >> 29;
}

static uint64_t file_stamp(uint64_t hash, const char *path)
{
    struct stat status;
    if (path == NULL || stat(path, &status) != 0) {
        return mix(hash, 0);
    }
    hash = mix(hash, (uint64_t)status.st_dev);
    hash = mix(hash, (uint64_t)status.st_ino);
    hash = mix(hash, (uint64_t)status.st_size);
    hash = mix(hash, (uint64_t)status.st_ctim.tv_sec);
    return mix(hash, (uint64_t)status.st_ctim.tv_nsec);
}

/* Identifies the files and their last changes. */
static uint64_t stamp_of(const struct gather_outlet *outlet)
{
    const struct forwarder_options *forward = &outlet->config->forward;
    uint64_t hash = 0;
    for (size_t i = 0; i < forward->type->option_count; i++) {
        const struct option_row *row = &forward->type->options[i];
        if (row->value == OPTION_FILE || row->value == OPTION_PRIVATE_FILE) {
            const void *value =
                (const char *)forward->type_options + row->offset;
            hash = file_stamp(hash, *(const char *const *)value);
        }
    }
    return hash;
}

static struct reload_pin *find(const struct reload_pins *pins,
                               const struct gather_outlet *outlet)
{
    struct reload_pin *pin;
    TAILQ_FOREACH (pin, pins, link) {
        if (pin->outlet == outlet) {
            return pin;
        }
    }
    return NULL;
}

int reload_pin_add(struct reload_pins *pins, const struct gather_outlet *outlet)
{
    struct reload_pin *pin = calloc(1, sizeof *pin);
    if (pin == NULL) {
        return HAPLO_ENOMEM;
    }
    pin->outlet = outlet;
    pin->stamp = stamp_of(outlet);
    TAILQ_INSERT_TAIL(pins, pin, link);
    return 0;
}

void reload_pin_keep(const struct reload_pins *pins,
                     const struct gather_outlet *outlet, struct config *from)
{
    struct reload_pin *pin = find(pins, outlet);
    if (pin != NULL && pin->kept == NULL) {
        pin->kept = config_keep(from);
    }
}

static void pin_free(struct reload_pins *pins, struct reload_pin *pin)
{
    TAILQ_REMOVE(pins, pin, link);
    config_free(pin->kept);
    free(pin);
}

void reload_pin_remove(struct reload_pins *pins,
                       const struct gather_outlet *outlet)
{
    struct reload_pin *pin = find(pins, outlet);
    if (pin != NULL) {
        pin_free(pins, pin);
    }
}

bool reload_pin_has_new_files(const struct reload_pins *pins,
                              const struct gather_outlet *outlet)
{
    const struct reload_pin *pin = find(pins, outlet);
    return pin != NULL && pin->stamp != stamp_of(outlet);
}

void reload_pins_free(struct reload_pins *pins)
{
    struct reload_pin *next;
    for (struct reload_pin *pin = TAILQ_FIRST(pins); pin != NULL; pin = next) {
        next = TAILQ_NEXT(pin, link);
        pin_free(pins, pin);
    }
}
