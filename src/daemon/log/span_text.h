/*
 * span_text.h - a length of time for people: "12 s", "3 min 20 s", "2 h 5 min",
 * "3 d 4 h". Pure.
 */
#ifndef DAEMON_SPAN_TEXT_H
#define DAEMON_SPAN_TEXT_H

#include <stdint.h>

#define SPAN_TEXT_SIZE 48

/* Returns text. */
const char *span_text(uint64_t span_ms, char text[SPAN_TEXT_SIZE]);

#endif
