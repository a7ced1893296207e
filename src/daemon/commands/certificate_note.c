#include "daemon/commands/certificate_note.h"

#include <stdio.h>

#include "daemon/text/human.h"

#define SOON_MS (21 * UINT64_C(86400000)) /* as in the alert rules */

struct certificate {
    const char *member; /* of the server */
    const char *name;   /* in words */
    const char *advice; /* what to do */
};

static const struct certificate certificates[] = {
    {"certificate_expires_at", "its certificate",
     "have it renewed on the server"},
    {"ca_certificate_expires_at", "the CA certificate that it is verified with",
     "add the CA's new one to tls_ca_file"},
    {"client_certificate_expires_at", "the client certificate",
     "renew tls_certificate_file"},
};

/* The first to expire; NULL: it is not soon. */
static const struct certificate *find_first(const struct json_tree *server,
                                            uint64_t now_ms,
                                            uint64_t *expires_ms)
{
    const struct certificate *first = NULL;
    for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++) {
        uint64_t at_ms = json_tree_time(server, certificates[i].member);
        if (at_ms != 0 && at_ms < now_ms + SOON_MS &&
            (first == NULL || at_ms < *expires_ms)) {
            first = &certificates[i];
            *expires_ms = at_ms;
        }
    }
    return first;
}

bool certificate_note_read(struct certificate_note *note,
                           const struct json_tree *server, uint64_t now_ms)
{
    char text[HUMAN_TEXT_SIZE];
    uint64_t at_ms = 0;
    const struct certificate *first = find_first(server, now_ms, &at_ms);
    if (first == NULL) {
        return false;
    }
    if (at_ms > now_ms) {
        snprintf(note->text, sizeof note->text, "%s expires in %s", first->name,
                 human_duration(at_ms - now_ms, text));
    } else {
        snprintf(note->text, sizeof note->text, "%s expired %s ago",
                 first->name, human_duration(now_ms - at_ms, text));
    }
    note->advice = first->advice;
    return true;
}
