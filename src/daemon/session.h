/*
 * session.h - what commands that run a configuration have in common:
 * configuration, lock, loop, signals, admin socket, and the gather from
 * opening to closing.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/abandon.h"
#include "daemon/admin/admin.h"
#include "daemon/command.h"
#include "daemon/fleet/fleet_host.h"
#include "daemon/fleet/fleet_self.h"
#include "daemon/gather/gather.h"
#include "daemon/gather/key_commands.h"
#include "daemon/gather/pauses.h"
#include "daemon/notify.h"
#include "daemon/reload/reload.h"
#include "daemon/signals.h"

/* After drain_timeout, for inboxes to finish what they are writing; and after a
 * second signal. */
#define SESSION_CLOSE_MS 10000
#define SESSION_CLOSE_NOW_MS 2000

struct session;

/* Fires when all inboxes are open and everything has started. */
typedef void (*session_opened_cb)(struct session *session);

/* Something has happened: a signal has arrived. Fires only after opened_cb, and
 * not while ending. A SIGHUP that comes earlier is kept until then. */
typedef void (*session_signal_cb)(struct session *session);

/* Callbacks of a command. Those other than opened_cb are as in gather.h, and
 * fire only after opened_cb. */
struct session_options {
    session_opened_cb opened_cb;             /* required */
    haplo_event_cb event_cb;                 /* or NULL */
    gather_marked_cb marked_cb;              /* or NULL */
    gather_outlet_event_cb outlet_event_cb;  /* or NULL */
    gather_cb drained_cb;                    /* or NULL */
    session_signal_cb hangup_cb;             /* SIGHUP; NULL: it ends */
    session_signal_cb poll_now_cb;           /* SIGUSR1; NULL: ignored */
    reload_event_cb reload_cb;               /* NULL: it cannot be reloaded */
    gather_cb held_cb;                       /* as in gather.h; or NULL */
    const struct config_outlet *only_outlet; /* see struct gather_options */
    const struct config_inbox *only_inbox;   /* likewise */
    bool has_pauses;                         /* likewise */
    session_signal_cb keys_changed_cb;  /* an api_key_command has ended; NULL:
                                           all of them end before it starts */
    struct observer_listener *listener; /* hears everything from the
                                           start; or NULL: the command
                                           logs nothing that happens */
};

/* Embedded in a command, which gets itself by container_of(). */
struct session {
    struct config *config;  /* owned */
    int lock;               /* descriptor of the state directory lock */
    uv_loop_t loop;         /* owned */
    struct notify notify;   /* tells the service manager */
    struct signals signals; /* end it, or are for the command */
    struct key_commands key_commands; /* run for API keys */
    struct abandon abandon;           /* ends it despite a name look-up */
    struct pauses pauses;             /* queues that operators have paused */
    struct admin *admin;              /* observes and controls it; or NULL */
    struct gather gather;             /* the configuration at work */
    struct fleet_self self;           /* if it is in a fleet: who it is */
    struct fleet_host fleet;          /* the same: shares the work */
    struct reload reload;             /* replaces that, if the command can */
    struct config *first_config;      /* owned; that of the admin socket */
    struct session_options options;   /* of the command */
    bool is_in_fleet;                 /* see fleet_host.h */
    bool is_open;                     /* opened_cb was called */
    bool is_hangup_due;               /* a SIGHUP came before that */
    bool is_ending;                   /* session_end() was called */
    bool is_leaving;                  /* the same, and it leaves the fleet */
    uint64_t end_ms;                  /* the same: deadline in loop time */
    enum exit_code code;              /* why it failed to start, or FINE */
};

/* Takes the configuration, locks the state directory and creates the loop.
 * Returns EXIT_CODE_FINE, and session_run() must follow; or another code with
 * the cause logged and everything freed. */
enum exit_code session_open(struct session *session, struct config *config);

/* The same, as a host of the fleet, if the configuration has one: shares the
 * servers with the others. host: its name, or NULL; see host_name.h. */
enum exit_code session_open_host(struct session *session, struct config *config,
                                 const char *host);

/* Runs the configuration until the end, and frees everything except the
 * session itself. Returns EXIT_CODE_FINE, or why it failed to start.
 * session_exit() must follow. */
enum exit_code session_run(struct session *session,
                           const struct session_options *options);

/* To be called last by the command, which returns what this returns, if it
 * returns: see abandon_exit(). */
enum exit_code session_exit(const struct session *session, enum exit_code code);

/* Drains for at most drain_timeout and ends, so that session_run() returns. A
 * second call ends the waiting. */
void session_end(struct session *session);

/* The same, with another deadline. Does nothing if it is ending already. */
void session_end_within(struct session *session, uint64_t deadline_ms);

/* The session that contains this gather. */
struct session *session_of(struct gather *gather);

#endif
