/*
 * taker.h - a poller that takes servers and queues, to see whether the library
 * agrees with what the daemon has checked. It never polls: the loop is only
 * run to close it.
 */
#ifndef TEST_FUZZ_TAKER_H
#define TEST_FUZZ_TAKER_H

#include "fuzz.h"
#include "haplopoll.h"

struct haplo_poller *taker_open(void);

/* 0, or what haplo_server_add() says; the text is checked. */
int taker_add_server(struct haplo_poller *poller,
                     const struct haplo_server_options *options,
                     struct haplo_server **server);

/* The same for a queue; key and deliver_cb are filled in. */
int taker_add_queue(struct haplo_server *server,
                    const struct haplo_queue_options *options);

void taker_close(struct haplo_poller *poller);

#endif
