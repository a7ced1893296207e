/*
 * listener.h - one port: its socket, its certificate and its connections.
 */
#ifndef SIM_LISTENER_H
#define SIM_LISTENER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct sim_app;
struct sim_connection;
struct sim_server;

struct sim_listener {
    struct sim_server *server;          /* borrowed */
    struct sim_app *app;                /* owner of the port; NULL: control */
    struct sim_listener *next;          /* in the server's list */
    uv_tcp_t *tcp;                      /* owned */
    struct sockaddr_storage address;    /* bound to, with the port */
    unsigned int port;                  /* */
    bool refusing;                      /* bound, but connects are refused */
    bool redirects;                     /* plain port that leads to https */
    SSL_CTX *tls;                       /* owned; NULL: plain */
    int certificate;                    /* enum sim_certificate_kind of tls */
    struct sim_connection *connections; /* all open ones */
    uint64_t connection_count;          /* open */
    uint64_t accepted_count;            /* ever */

    /* Gets a complete request; answers it now or later. */
    void (*request_run)(struct sim_connection *connection);
};

/* Binds and listens: 0 or a libuv error. */
int sim_listener_open(struct sim_listener *listener, const char *address,
                      unsigned int port);

/* Refuses connects, or accepts them again: 0 or a libuv error. */
int sim_listener_refuse(struct sim_listener *listener, bool refuse);

/* Closes all connections with RST. */
void sim_listener_drop(struct sim_listener *listener);

/* How many requests are under way whose client has left. */
uint64_t sim_listener_gone_count(const struct sim_listener *listener);

void sim_listener_close(struct sim_listener *listener);

/* Reads the clock for this wake-up. */
void sim_listener_clock(struct sim_listener *listener);

int64_t sim_listener_keep_alive_ms(const struct sim_listener *listener);

uint64_t sim_listener_next_id(struct sim_listener *listener);

/* Does a fault close the connection that is just accepted? */
bool sim_listener_refuses(struct sim_listener *listener);

#endif
