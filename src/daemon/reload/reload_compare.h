/*
 * reload_compare.h - compares one object that is at work with the newest
 * configuration, for reload_pass.c.
 */
#ifndef DAEMON_RELOAD_COMPARE_H
#define DAEMON_RELOAD_COMPARE_H

#include "daemon/reload/reload_pass.h"

/* An object of the newest configuration, which is perhaps not at work yet. */
void reload_compare_inbox(struct reload_pass *pass,
                          const struct config_inbox *config);
void reload_compare_server(struct reload_pass *pass,
                           const struct config_server *config);
void reload_compare_queue(struct reload_pass *pass,
                          const struct config_queue *config);
void reload_compare_outlet(struct reload_pass *pass,
                           const struct config_outlet *config);

/* An object that is at work, and perhaps not in the newest configuration. The
 * queues of a server come after it. */
void reload_look_at_server(struct reload_pass *pass,
                           struct gather_server *server);
void reload_look_at_queue(struct reload_pass *pass, struct gather_queue *queue);

/* A change could not begin, unless error is 0. */
void reload_pass_note(struct reload_pass *pass, int error);

#endif
