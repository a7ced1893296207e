/*
 * admin_listen.h - the sockets that the admin socket listens on.
 */
#ifndef DAEMON_ADMIN_LISTEN_H
#define DAEMON_ADMIN_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

#include "config/config.h"

/* The path of the unix socket, from malloc(); NULL if memory runs out. */
char *admin_socket_path(const struct config *config);

/* Listens on a unix socket with mode 0600. The state directory is locked, so an
 * existing socket belongs to a dead process and is replaced; anything else at
 * this path is not. Sets *descriptor. Returns 0, or HAPLO_EINVAL with why set.
 */
int admin_listen_unix(const char *path, int *descriptor, char *why,
                      size_t why_size);

/* The same for an address and a port, as config_admin_address() reads them. */
int admin_listen_tcp(const char *listen, int *descriptor, char *why,
                     size_t why_size);

/* Remembers which file the socket is. */
void admin_listen_note(const char *path, dev_t *device, ino_t *inode);

/* Removes it if it still is that file: another process may have taken over the
 * state directory, with a socket of its own. */
void admin_listen_remove(const char *path, dev_t device, ino_t inode);

#endif
