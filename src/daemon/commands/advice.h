/*
 * advice.h - what would make a queue or an outlet work again, and what to run,
 * for each class of the failure policy. Pure.
 */
#ifndef DAEMON_ADVICE_H
#define DAEMON_ADVICE_H

#include <stdbool.h>

struct advice {
    const char *text;    /* sentences: what is to be done, and where */
    const char *command; /* to be run then: words for command_hint(); NULL:
                            nothing */
    bool takes_name;     /* the name follows them */
    bool needs_reload;   /* `reload` as well, if the configuration is changed */
};

/* What the API says; texts are the API's, or NULL. */
struct advice_facts {
    const char *health;       /* of the queue or outlet */
    const char *error;        /* of the queue's newest failure: HAPLO_E* */
    const char *server_state; /* of its server: "SILENT" */
    const char *server_error; /* of its server: HAPLO_E* */
    const char *outlet_state; /* of an outlet */
    const char *change;       /* of a queue, by a reload: "removed" */
    bool is_operator_pause;   /* paused by somebody */
    bool logins_held;         /* the server's budget of failed logins is
                                 exhausted */
};

/* NULL: nothing needs to be done. Static. */
const struct advice *advice_for_queue(const struct advice_facts *facts);
const struct advice *advice_for_outlet(const struct advice_facts *facts);

#endif
