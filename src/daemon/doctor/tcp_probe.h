/*
 * tcp_probe.h - whether an address accepts TCP connections. Blocks, so it is
 * for programs that do nothing else meanwhile.
 */
#ifndef DAEMON_TCP_PROBE_H
#define DAEMON_TCP_PROBE_H

#include <stddef.h>

#define TCP_PROBE_NAME_SIZE 320 /* "HOST port PORT" */
#define TCP_PROBE_MS 10000      /* for each address of the host */

/* Connects to HOST:PORT, or to that of a URL. With neither a port nor
 * default_port, the port is that of the scheme. Writes what it has tried into
 * name, without the path of the URL. Returns 0, or -1 with one line in why. */
int tcp_probe(const char *address, const char *default_port,
              char name[TCP_PROBE_NAME_SIZE], char *why, size_t why_size);

#endif
