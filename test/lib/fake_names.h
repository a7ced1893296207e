/*
 * fake_names.h - getaddrinfo() as the test wants it: names that contain
 * ".test", and no others, have the addresses that the test has set; localhost
 * with a port is 127.0.0.1. libuv calls it from its threads. A test that calls
 * none of this keeps the real one.
 */
#ifndef TEST_FAKE_NAMES_H
#define TEST_FAKE_NAMES_H

#include <stdatomic.h>
#include <uv.h>

extern atomic_uint names_asked;      /* look-ups begun since names_set() */
extern _Atomic(int) names_error;     /* EAI_*, of each look-up; 0: none */
extern uv_sem_t *_Atomic names_gate; /* not NULL: a look-up waits for it */

/* The addresses of all names from now on; NULL from the end. Also resets the
 * above. */
void names_set(const char *first, const char *second, const char *third);

#endif
