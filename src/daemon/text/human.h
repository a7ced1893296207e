/*
 * human.h - quantities as people read them. Scripts get exact ones.
 */
#ifndef DAEMON_HUMAN_H
#define DAEMON_HUMAN_H

#include <stdint.h>

#define HUMAN_TEXT_SIZE 32

/* "512 B", "4.1 MB": powers of 1000. Returns text, as those below. */
const char *human_bytes(uint64_t bytes, char text[HUMAN_TEXT_SIZE]);

/* The two largest units: "3 s", "5 min 12 s", "2 h 5 min", "45 d 3 h". */
const char *human_duration(uint64_t ms, char text[HUMAN_TEXT_SIZE]);

#endif
