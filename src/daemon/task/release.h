/*
 * release.h - the decision of an operator about a message that holds up its
 * lane, as one line: "retry OUTLET SERVER/QUEUE", or the same with skip or
 * dead-letter.
 */
#ifndef DAEMON_RELEASE_H
#define DAEMON_RELEASE_H

#include <stddef.h>

#include "daemon/command.h"
#include "daemon/gather/gather.h"

/* Such a line, parsed. */
struct release {
    enum forwarder_release kind;          /* retry, skip, dead-letter */
    char outlet[HAPLO_NAME_SIZE_MAX + 1]; /* name of the outlet */
    char server[HAPLO_NAME_SIZE_MAX + 1]; /* server of the lane */
    char queue[HAPLO_NAME_SIZE_MAX + 1];  /* queue of the lane */
};

/* Parses a line. Returns 0, or -1 with why set. */
int release_parse(struct release *release, const char *line, char *why,
                  size_t why_size);

/* Carries it out. Returns EXIT_CODE_FINE, EXIT_CODE_FAILED if there is nothing
 * to release, or EXIT_CODE_USAGE if the outlet gets no such queue; describes
 * the result in text, one line. */
enum exit_code release_do(const struct gather *gather,
                          const struct release *release, char *text,
                          size_t text_size);

#endif
