#include "outlets/nats/nats_dial.h"

#include <stdlib.h>
#include <string.h>

#include "outlets/detached_call.h"
#include "outlets/nats/nats_setup.h"

struct dial {
    natsOptions *setup;         /* owned */
    natsConnection *connection; /* owned; NULL: it failed */
    char *url;                  /* owned; for why */
    int result;                 /* 0 or HAPLO_E* */
    struct reason why;          /* it failed */
};

static void dial_free(struct dial *dial)
{
    natsOptions_Destroy(dial->setup);
    free(dial->url);
    free(dial);
}

/* On a thread of its own */

static void on_run(void *data)
{
    struct dial *dial = data;
    natsStatus status = natsConnection_Connect(&dial->connection, dial->setup);

    if (status != NATS_OK) {
        dial->connection = NULL;
        dial->result =
            nats_fail(&dial->why, "cannot connect", dial->url, status);
    }
    nats_ReleaseThreadMemory();
}

static void on_drop(void *data)
{
    struct dial *dial = data;

    natsConnection_Destroy(dial->connection);
    dial_free(dial);
}

/* On the worker's thread */

static int dial_run(struct dial *dial, natsConnection **out,
                    const atomic_bool *is_ending, struct reason *why)
{
    const struct detached_call call = {
        .run = on_run, .drop = on_drop, .data = dial};
    int result = detached_call_run(&call, is_ending, 0);

    if (result == HAPLO_ECANCELED) {
        return reason_set(why, result, "closing"); /* the call frees dial */
    }
    if (result == 0) {
        *out = dial->connection;
        *why = dial->why;
        result = dial->result;
    } else {
        (void)reason_set(why, result, "cannot start a thread to connect");
    }
    dial_free(dial);
    return result;
}

int nats_dial(natsConnection **out, natsOptions *setup, const char *url,
              const atomic_bool *is_ending, struct reason *why)
{
    struct dial *dial = calloc(1, sizeof(*dial));

    *out = NULL;
    if (dial == NULL) {
        natsOptions_Destroy(setup);
        return reason_set(why, HAPLO_ENOMEM, "NATS: out of memory");
    }
    dial->setup = setup;
    dial->url = strdup(url);
    if (dial->url == NULL) {
        dial_free(dial);
        return reason_set(why, HAPLO_ENOMEM, "NATS: out of memory");
    }
    return dial_run(dial, out, is_ending, why);
}
