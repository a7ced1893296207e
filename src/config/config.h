/*
 * config.h - the configuration file, loaded, checked and resolved: every value
 * is in the struct where it is used, defaults are filled in, and paths are
 * relative to the folder of the file.
 *
 * Problems that concern a single queue or server need not concern the others:
 * in the mode CONFIG_RUN, such queues are listed separately, as held.
 *
 * There may be a million queues, so a queue is small: queues with equal
 * options share them, and queues with the same key share its location. API
 * keys are not part of the configuration, which only says where they are;
 * api_key.h reads them.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "config/arena.h"
#include "config/codes.h"
#include "fleet/fleet.h"
#include "haplopoll.h"
#include "inbox/inbox.h"
#include "outlets/forwarder/forwarder.h"
#include "outlets/outlet.h"

#define CONFIG_FILE_SIZE_MAX 268435456 /* enough for 5 million queues */

struct config_errors;

/* A position in one of the files. Lines and columns start at 1. Small, because
 * each queue has one. */
struct config_place {
    uint32_t line;   /* 0: no position */
    uint16_t column; /* in characters; the maximum: that or more */
    uint16_t file;   /* index in the configuration's files; 0: the main one */
};

/* A file that the configuration consists of. */
struct config_file {
    const char *path;                /* as given, or as found by a pattern */
    struct config_place included_at; /* of the pattern; line 0: the main file */
};

/* Where the process can be observed and controlled. */
struct config_admin {
    const char *socket;          /* path; NULL: admin.sock in state_dir */
    const char *listen;          /* "127.0.0.1:8080"; NULL: no TCP */
    const char *token_file;      /* for the role full; or NULL */
    const char *read_token_file; /* for the role read; or NULL */
    const char *const *hosts;    /* names of a proxy; ends in NULL; or NULL */
    bool allows_remote;          /* listen need not be loopback */
};

/* In the order of key_options. */
enum config_key_kind {
    CONFIG_KEY_FILE,
    CONFIG_KEY_ENV,
    CONFIG_KEY_CREDENTIAL,
    CONFIG_KEY_COMMAND
};

/* The location of an API key, shared by all queues that use it. */
struct config_key {
    enum config_key_kind kind; /* what `name` refers to */
    const char *name; /* as in the file: path, variable or credential; or the
                         words of the command, with a space between them */
    const char *path; /* file to read; NULL for ENV, and for
                         CREDENTIAL without a folder from systemd, and
                         for COMMAND */
    const char *const *words; /* COMMAND: the program and its arguments; ends in
                                 NULL */
};

struct config_inbox {
    const char *name;              /* unique among the inboxes */
    const struct inbox_type *type; /* its kind of database */
    void *options;                 /* filled by the options of the type */
    struct config_place place;     /* of its definition */
};

struct config_outlet {
    const struct config_inbox *inbox; /* the inbox it forwards from */
    struct forwarder_options forward; /* complete: name, type, queues ... */
    struct config_place place;        /* of its definition */
};

/* Settings that many queues share. */
struct config_queue_settings {
    struct haplo_queue_options options; /* without name, api_key, state, data
                                           and callbacks */
    const struct config_inbox *inbox;   /* where its messages are stored */
};

struct config_queue {
    const char *name;                             /* unique in its server */
    const struct config_server *server;           /* the server it belongs to */
    const struct config_queue_settings *settings; /* shared */
    const struct config_key *key;                 /* shared */
    struct config_place place;                    /* of its definition */
};

struct config_server {
    struct haplo_server_options options; /* all but data and failed logins */
    struct config_queue *queues; /* at least one; part of the array of all */
    size_t queue_count;          /* length of queues */
    struct config_place place;   /* of its definition */
};

/* What is wrong with a queue or a server. */
struct config_problem {
    enum diagnostic_code code; /* what kind of error it is */
    struct config_place place; /* where it is */
    const char *text;          /* "queue example/student: interval: ..." */
};

/* A queue that cannot run, because of its own problem or its server's. */
struct config_held {
    const char *server; /* its name, or its number in the file */
    const char *queue;  /* likewise */
    const struct config_problem *problem; /* the first one */
};

/* What the environment changes. */
struct config_override_change {
    const char *where;  /* "server example: ", or "" */
    const char *option; /* name of the option */
    const char *from;   /* its value without the environment; NULL: not set */
    const char *to;     /* with it; likewise */
};

/* In the order of the option's choices. */
enum config_coordination {
    CONFIG_COORDINATION_NONE,
    CONFIG_COORDINATION_POSTGRES
};

#define CONFIG_FLEET_WEIGHT 100 /* of a host that has none of its own */

/* The weight of a host: see fleet/placement.h. */
struct config_fleet_weight {
    const char *host; /* its name */
    uint32_t weight;  /* 0: it gets no servers */
};

/* How several hosts share the servers. */
struct config_fleet {
    const struct config_inbox *inbox; /* whose database coordinates them; NULL:
                                         this host polls everything */
    int coordination;                 /* enum config_coordination */
    struct fleet_policy policy;       /* complete */
    struct config_fleet_weight *weights; /* maybe none; the others have 100 */
    size_t weight_count;                 /* length of weights */
    struct config_place place;           /* of coordination */
};

struct config {
    const char *environment;                /* its name; NULL: none */
    struct config_override_change *changes; /* by the environment */
    size_t change_count;                    /* length of changes */
    const char *path;          /* path of the main file, as given */
    struct config_file *files; /* the main file first */
    size_t file_count;         /* length of files */
    bool checks_files;         /* while loading: looks at files */
    size_t path_file;       /* while loading: index of the file that paths are
                               relative to */
    const char *state_dir;  /* resolved */
    int log_format;         /* enum log_format */
    unsigned in_flight_max; /* concurrent requests, all servers */
    uint64_t api_key_command_timeout_ms; /* of one run */
    uint64_t drain_timeout_ms;           /* to finish work when it is stopped */
    size_t undelivered_bytes_max;    /* bodies held by the poller, and by each
                                        inbox */
    struct config_admin admin;       /* see above */
    struct config_fleet fleet;       /* see above */
    struct config_inbox *inboxes;    /* at least one */
    size_t inbox_count;              /* length of inboxes */
    struct config_outlet *outlets;   /* maybe none */
    size_t outlet_count;             /* length of outlets */
    struct config_server *servers;   /* without problems; maybe none */
    size_t server_count;             /* length of servers */
    struct config_queue *queues;     /* of all servers; each has a part */
    size_t queue_count;              /* length of queues */
    struct config_held *held;        /* the other queues of the file */
    size_t held_count;               /* length of held */
    struct config_problem *problems; /* of these, in the order of the file */
    size_t problem_count;            /* length of problems */
    struct arena arena;              /* owns strings and shared structs */
    unsigned user_count;             /* see config_keep() */
};

enum config_mode {
    /* Everything must be right. Reads each API key once to check it, opens all
     * files, and looks at folders; what is missing is worth a warning. */
    CONFIG_CHECK,
    /* The same, and nothing may be missing that the machine or the user that
     * runs haplo-poll may have. */
    CONFIG_CHECK_STRICT,
    /* Queues and servers with problems are held; everything else runs. Looks
     * at no other file. */
    CONFIG_RUN,
    /* Everything in the file must be right. Looks at no other file. */
    CONFIG_RELOAD
};

#define CONFIG_FAILED (-1) /* memory or the disk failed, not the file */

/*
 * Loads the file, with what an environment changes (NULL: none). Returns 0 and
 * sets *out, which config_free() frees; or returns the number of errors, or
 * CONFIG_FAILED, and sets *out to NULL. Either way it fills `errors`, which
 * config_errors_clear() empties: what is wrong and what to do, and warnings.
 * Borrows path and environment for the lifetime of the configuration. Keeps no
 * API key.
 */
int config_load(const char *path, const char *environment,
                enum config_mode mode, struct config_errors *errors,
                struct config **out);

/* One more user borrows from it: config_free() must be called once more.
 * Returns it. To be called on one thread only, as config_free(). */
struct config *config_keep(struct config *config);

/* Frees it, if this was its last user. config may be NULL. */
void config_free(struct config *config);

/* The path of the file that a position is in. */
static inline const char *config_place_path(const struct config *config,
                                            struct config_place place)
{
    return config->files[place.file].path;
}

/* Fill the options for the library. They borrow strings from the
 * configuration. The caller adds data, and for a queue also api_key, state and
 * callbacks. */
void config_poller_options(const struct config *config,
                           struct haplo_poller_options *options);
void config_server_options(const struct config_server *server,
                           struct haplo_server_options *options);
void config_queue_options(const struct config_queue *queue,
                          struct haplo_queue_options *options);

/* Opens the CA file, the client's certificate and its key. Returns 0, or
 * HAPLO_EINVAL with one line in why: "tls_ca_file PATH: cannot be read: ...".
 */
int config_server_files(const struct config_server *server, char *why,
                        size_t why_size);

/* The inbox with this name, or NULL. */
const struct config_inbox *config_inbox_find(const struct config *config,
                                             const char *name);

/* The queue with this name, SERVER/QUEUE: one that can be polled, or one that
 * is held; or NULL. */
const struct config_queue *config_queue_find(const struct config *config,
                                             const char *name);
const struct config_held *config_held_find(const struct config *config,
                                           const char *name);

/* Checks the name of a host of a fleet: that of a queue, but shorter. Returns
 * 0, or HAPLO_EINVAL with why set: what is wrong and what to do. */
int config_host_check(const char *name, char *why, size_t why_size);

/* The weight of a host. */
uint32_t config_fleet_weight(const struct config_fleet *fleet,
                             const char *host);

/* Reads the address of admin.listen, which has been checked. False if it is
 * none. */
bool config_admin_address(const char *listen, struct sockaddr_storage *address);

/* Prints what would run: a line for each queue, with the location of its key,
 * then a line for each inbox and outlet. */
void config_print(const struct config *config, FILE *file);

#endif
