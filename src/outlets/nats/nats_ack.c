#include "outlets/nats/nats_ack.h"

#include <stdint.h>
#include <stdlib.h>

#include "core/json_select.h"

#define ERROR_OTHER_STREAM 10060 /* expected stream does not match */

enum ack_value { ACK_SEQ, ACK_ERROR, ACK_ERROR_CODE, ACK_DESCRIPTION };

static const char *const pointers[] = {
    [ACK_SEQ] = "/seq",
    [ACK_ERROR] = "/error",
    [ACK_ERROR_CODE] = "/error/err_code",
    [ACK_DESCRIPTION] = "/error/description",
};

struct nats_ack_reader {
    struct json_select *select; /* of pointers */
};

struct nats_ack_reader *nats_ack_reader_new(void)
{
    struct nats_ack_reader *reader = calloc(1, sizeof(*reader));

    if (reader != NULL &&
        json_select_new(&reader->select, pointers,
                        sizeof(pointers) / sizeof(pointers[0]), NULL,
                        NULL) != 0) {
        free(reader);
        return NULL;
    }
    return reader;
}

void nats_ack_reader_free(struct nats_ack_reader *reader)
{
    if (reader != NULL) {
        json_select_free(reader->select);
        free(reader);
    }
}

/* The errors of the server (its errors.json) that concern a publisher. All
 * others pass: a full stream or disk, a cluster that elects a leader... */
static enum outlet_verdict verdict_of(unsigned long error)
{
    switch (error) {
    case 10054: /* message size exceeds maximum allowed */
        return OUTLET_REFUSED;
    case 10035: /* account not found */
    case 10039: /* JetStream not enabled for account */
    case ERROR_OTHER_STREAM:
    case 10076: /* JetStream not enabled */
    case 10109: /* invalid operation on sealed stream */
    case 10120: /* no JetStream default or applicable tiered limit present */
        return OUTLET_BROKEN;
    default:
        return OUTLET_RETRY;
    }
}

/* The number at a pointer; 0 if there is none. */
static unsigned long number_at(const struct nats_ack_reader *reader,
                               enum ack_value which)
{
    const struct json_value *value = json_select_value(reader->select, which);

    /* Bounded: a response is followed by more of its JSON. */
    return value->kind == JSON_NUMBER && value->text[0] != '-'
               ? strtoul(value->text, NULL, 10)
               : 0;
}

static enum outlet_verdict error_read(const struct nats_ack_reader *reader,
                                      struct reason *why)
{
    const struct json_value *text =
        json_select_value(reader->select, ACK_DESCRIPTION);
    unsigned long error = number_at(reader, ACK_ERROR_CODE);

    (void)reason_set(why, 0, "the stream does not store it: %.*s (error %lu)%s",
                     text->kind == JSON_STRING ? (int)text->size : 0,
                     text->text, error,
                     error == ERROR_OTHER_STREAM
                         ? ": it is not the one that the option stream names"
                         : "");
    return verdict_of(error);
}

bool nats_ack_read(struct nats_ack_reader *reader, const char *text,
                   size_t size, enum outlet_verdict *verdict,
                   struct reason *why)
{
    why->text[0] = '\0';
    if (json_select_run(reader->select, text, size) != 0) {
        return false;
    }
    if (json_select_value(reader->select, ACK_ERROR)->kind != JSON_MISSING) {
        *verdict = error_read(reader, why);
        return true;
    }
    if (json_select_value(reader->select, ACK_SEQ)->kind != JSON_NUMBER) {
        return false;
    }
    *verdict = OUTLET_DELIVERED;
    if (number_at(reader, ACK_SEQ) == 0) {
        *verdict = OUTLET_RETRY;
        (void)reason_set(why, 0,
                         "the stream acknowledged it without a sequence: it "
                         "is not stored");
    }
    return true;
}
