/*
 * certificate_probe.h - for how long the certificates that a server presents
 * are valid. Blocks, so it is for programs that do nothing else meanwhile.
 *
 * Nothing is verified here: whether the chain is trusted is what a transfer
 * shows. No request is sent.
 */
#ifndef DAEMON_CERTIFICATE_PROBE_H
#define DAEMON_CERTIFICATE_PROBE_H

#include <stddef.h>

/* Writes the days that are left of the certificate that expires first in the
 * chain; negative: it has expired. Returns 0, or -1 with one line in why. */
int certificate_probe(const char *url, int *days, char *why, size_t why_size);

#endif
