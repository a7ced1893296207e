/*
 * listener.h - a port with its socket, its certificate and its connections.
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
    struct sim_server *server;       /* borrowed */
    struct sim_app *app;             /* owner of the port; NULL: control port */
    struct sim_listener *next;       /* in the server's list */
    uv_tcp_t *tcp;                   /* owned; NULL: closed */
    struct sockaddr_storage address; /* bound to, port included */
    unsigned int port;               /* the number, 0 until it is bound */
    bool refusing;                   /* bound, but refuses connections */
    bool redirects;                  /* plain port that redirects to https */
    SSL_CTX *tls;                    /* owned; NULL: plain */
    int certificate;                 /* enum sim_certificate_kind of tls */
    int64_t certificate_ms;          /* its lifetime */
    struct sim_connection *connections; /* open ones */
    uint64_t connection_count;          /* number of open ones */
    uint64_t accepted_count;            /* accepted since the start */

    /* Called with a complete request; responds now or later. */
    void (*request_run)(struct sim_connection *connection);
};

/* Binds and listens. Returns 0 or a libuv error. */
int sim_listener_open(struct sim_listener *listener, const char *address,
                      unsigned int port);

/* Makes the port refuse connections, or accept them again. Returns 0 or a
 * libuv error. */
int sim_listener_refuse(struct sim_listener *listener, bool refuse);

/* Resets all connections. */
void sim_listener_drop(struct sim_listener *listener);

/* Number of requests in progress whose client has disconnected. */
uint64_t sim_listener_gone_count(const struct sim_listener *listener);

void sim_listener_close(struct sim_listener *listener);

/* Updates the clock; once per wake-up. */
void sim_listener_clock(struct sim_listener *listener);

int64_t sim_listener_keep_alive_ms(const struct sim_listener *listener);

uint64_t sim_listener_next_id(struct sim_listener *listener);

/* Does a fault close the connection just accepted? Logs it if so. */
bool sim_listener_refuses(struct sim_listener *listener);

#endif
