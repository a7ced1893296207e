/*
 * picky.c - haplo-poll with one more type of outlet, as a program outside this
 * repository would add it: `picky` appends the names and the arrival of each
 * message to a file, and of which replay it is, but refuses those that contain
 * "poison".
 *
 * While a file of the same name exists with a word after it, it behaves
 * otherwise: ".cured", it refuses nothing; ".sick", it refuses everything;
 * ".slow", each parcel takes SLOW_MS; ".held", it waits.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "base/container_of.h"
#include "daemon/command.h"
#include "outlets/outlet.h"

#define SLOW_MS 20

struct picky_options {
    const char *path; /* of the file */
};

struct picky {
    struct outlet base;           /* first: outlet.h */
    const char *path;             /* of the file; borrowed */
    FILE *file;                   /* that it appends to */
    uv_timer_t wake;              /* answers from the loop */
    struct outlet_parcel *parcel; /* that is to be answered, or NULL */
    bool is_closing;              /* picky_close() was called */
    outlet_closed_cb closed_cb;   /* the same */
    void *data;                   /* for closed_cb */
};

/* True if there is a file with this word after its name. */
static bool is_told(const struct picky *picky, const char *word)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.%s", picky->path, word);
    return access(path, F_OK) == 0;
}

static bool is_poison(const struct picky *picky,
                      const struct inbox_message *message)
{
    if (is_told(picky, "cured")) {
        return false;
    }
    return is_told(picky, "sick") ||
           memmem(message->body.data, message->body.size, "poison", 6) != NULL;
}

static void append(const struct picky *picky,
                   const struct outlet_parcel *parcel,
                   const struct inbox_message *message)
{
    fprintf(picky->file, "%s/%s %llu", message->server, message->queue,
            (unsigned long long)message->arrival);
    if (parcel->replay_id != 0) {
        fprintf(picky->file, " replay %llu%s",
                (unsigned long long)parcel->replay_id,
                parcel->has_new_ids ? " new" : "");
    }
    fputc('\n', picky->file);
}

static void on_wake(uv_timer_t *timer)
{
    struct picky *picky = container_of(timer, struct picky, wake);
    struct outlet_parcel *parcel = picky->parcel;
    size_t count = 0;
    if (is_told(picky, "held") && !picky->is_closing) {
        uv_timer_start(&picky->wake, on_wake, SLOW_MS, 0);
        return;
    }
    while (count < parcel->count &&
           !is_poison(picky, &parcel->messages[count])) {
        append(picky, parcel, &parcel->messages[count++]);
    }
    parcel->delivered_count = count;
    parcel->verdict =
        count == parcel->count ? OUTLET_DELIVERED : OUTLET_REFUSED;
    reason_set(&parcel->why, 0, "%s",
               count == parcel->count ? "" : "it is poison");
    if (fflush(picky->file) != 0) {
        abort();
    }
    picky->parcel = NULL;
    parcel->delivered_cb(parcel);
}

static void picky_deliver(struct outlet *outlet, struct outlet_parcel *parcel)
{
    struct picky *picky = container_of(outlet, struct picky, base);
    picky->parcel = parcel;
    uv_timer_start(&picky->wake, on_wake, is_told(picky, "slow") ? SLOW_MS : 0,
                   0);
}

static void on_closed(uv_handle_t *handle)
{
    struct picky *picky = container_of(handle, struct picky, wake);
    outlet_closed_cb closed_cb = picky->closed_cb;
    void *data = picky->data;
    fclose(picky->file);
    free(picky);
    closed_cb(data);
}

static void picky_close(struct outlet *outlet, outlet_closed_cb closed_cb,
                        void *data)
{
    struct picky *picky = container_of(outlet, struct picky, base);
    picky->is_closing = true;
    if (picky->parcel != NULL) {
        on_wake(&picky->wake);
    }
    picky->closed_cb = closed_cb;
    picky->data = data;
    uv_close((uv_handle_t *)&picky->wake, on_closed);
}

static int picky_open(const struct outlet_setting *setting, struct outlet **out,
                      struct reason *why)
{
    const struct picky_options *options = setting->options;
    FILE *file = fopen(options->path, "ae");
    *out = NULL;
    if (file == NULL) {
        return reason_set(why, HAPLO_EINVAL, "%s: cannot be opened",
                          options->path);
    }
    struct picky *picky = calloc(1, sizeof *picky);
    if (picky == NULL) {
        fclose(file);
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    picky->base.type = setting->type;
    picky->file = file;
    picky->path = options->path;
    uv_timer_init(setting->loop, &picky->wake);
    *out = &picky->base;
    return 0;
}

static const struct option_row picky_rows[] = {
    {.name = "path",
     .value = OPTION_PATH,
     .offset = offsetof(struct picky_options, path),
     .help = "The file."},
};

static const struct outlet_type picky_type = {
    .name = "picky",
    .help = "Appends messages to a file, but no poison.",
    .options = picky_rows,
    .option_count = 1,
    .options_size = sizeof(struct picky_options),
    .in_flight_max = 1,
    .open = picky_open,
    .deliver = picky_deliver,
    .close = picky_close,
};

int main(int argc, char **argv)
{
    outlet_type_register(&picky_type);
    return haplo_poll_main(argc, argv);
}
