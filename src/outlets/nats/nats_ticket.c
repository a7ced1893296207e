#include "outlets/nats/nats_ticket.h"

#include <string.h>

#define DIGIT_COUNT_MAX 16

static const char digits[] = "0123456789abcdef";

/* Returns the end. */
static char *number_write(uint64_t number, char *out)
{
    char reversed[DIGIT_COUNT_MAX];
    size_t count = 0;

    do {
        reversed[count++] = digits[number & 15];
        number >>= 4;
    } while (number != 0);
    while (count > 0) {
        *out++ = reversed[--count];
    }
    return out;
}

void nats_ticket_write(const struct nats_ticket *ticket,
                       char text[NATS_TICKET_SIZE_MAX])
{
    text = number_write(ticket->slot, text);
    *text++ = '-';
    text = number_write(ticket->serial, text);
    *text++ = '-';
    text = number_write(ticket->index, text);
    *text = '\0';
}

/* Returns the end of a number that is followed by `end`; otherwise NULL. */
static const char *number_read(uint64_t *number, const char *text, char end)
{
    size_t count = 0;

    *number = 0;
    while (count <= DIGIT_COUNT_MAX && text[count] != end) {
        const char *digit =
            text[count] != '\0' ? strchr(digits, text[count]) : NULL;

        if (digit == NULL) {
            return NULL;
        }
        *number = *number << 4 | (uint64_t)(digit - digits);
        count++;
    }
    return count > 0 && count <= DIGIT_COUNT_MAX ? text + count : NULL;
}

bool nats_ticket_read(struct nats_ticket *ticket, const char *text)
{
    text = number_read(&ticket->slot, text, '-');
    if (text != NULL) {
        text = number_read(&ticket->serial, text + 1, '-');
    }
    return text != NULL && number_read(&ticket->index, text + 1, '\0') != NULL;
}
