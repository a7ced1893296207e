/*
 * output.h - what commands print on standard output. A full disk or a closed
 * pipe shows only when it is flushed, so each command must end with that.
 */
#ifndef DAEMON_OUTPUT_H
#define DAEMON_OUTPUT_H

/* Flushes standard output. Returns 0; or -1 if anything printed so far is
 * lost, after logging the reason once. */
int output_flush(void);

#endif
