/*
 * certificate_note.h - whether a certificate of a server expires so soon that
 * somebody who looks at the server should know. Pure.
 */
#ifndef DAEMON_CERTIFICATE_NOTE_H
#define DAEMON_CERTIFICATE_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/text/json_tree.h"

#define CERTIFICATE_NOTE_SIZE 128

struct certificate_note {
    char text[CERTIFICATE_NOTE_SIZE]; /* "its certificate expires in 12 d" */
    const char *advice;               /* static: what to do */
};

/* Of a server of the API. False: none of its certificates expires within three
 * weeks; those that are renewed automatically usually are by then. */
bool certificate_note_read(struct certificate_note *note,
                           const struct json_tree *server, uint64_t now_ms);

#endif
