/*
 * location.h - finds out which actual server a server of the configuration is,
 * because that is what counts failed logins.
 *
 *   - The server is added: its sites (core/login_sites.h) are its login_group,
 *     or its host name; and its addresses, if they need no look-up.
 *   - Otherwise they are looked up. No request is sent until they are known.
 *   - A later look-up finds other addresses: its sites change accordingly.
 *
 * Failures:
 *
 *   - The first look-up fails: requests look up the name themselves, one at a
 *     time, and fail likewise.
 *   - A request was waiting for a look-up, and the server turns out to be one
 *     that must not be sent this key now: the request fails.
 *   - No memory for the sites: the same, and the next request tries again.
 *   - Through a proxy, the addresses are unknown; servers are told apart by
 *     their host names.
 */
#ifndef POLLER_LOCATION_H
#define POLLER_LOCATION_H

struct haplo_server;
struct haplo_queue;
struct endpoint;
struct reason;

/* Adds the server to the scheduler, and begins to look up its name.
 * login_group: as in the options; NULL or "": none. 0 or HAPLO_ENOMEM. */
int location_begin(struct haplo_server *server, const char *login_group);

/* Replaces the endpoint of a server without requests in flight, and frees the
 * old one: it may be another server. login_group as above. 0, or HAPLO_ENOMEM:
 * nothing has changed. */
int location_change(struct haplo_server *server, struct endpoint *endpoint,
                    const char *login_group);

/* To be called when a request is about to start. 0 or HAPLO_ENOMEM: it must
 * not be sent. */
int location_check(struct haplo_server *server);

/* To be called when a request of the queue has waited for a look-up. 0, or an
 * error with why set: it must not be sent. */
int location_check_request(const struct haplo_queue *queue, struct reason *why);

/* For endpoint_options: a look-up for the server has ended. */
void location_on_looked_up(void *data);

#endif
