/*
 * standard_streams.h - keeps descriptors 0, 1 and 2 taken.
 *
 * A program may be started with some of them closed. A file or a socket that
 * it opens then gets such a number, and receives what is meant for operators.
 */
#ifndef BASE_STANDARD_STREAMS_H
#define BASE_STANDARD_STREAMS_H

/* To be called first in main(). Opens those that are closed, in such a way
 * that reading and writing fail with EBADF as before. Returns 0 or errno. */
int standard_streams_open(void);

#endif
