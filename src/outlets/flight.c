#include "outlets/flight.h"

#include <assert.h>
#include <stdlib.h>

int flight_init(struct flight *flight, struct outlet_parcel *parcel)
{
    *flight = (struct flight){
        .parcel = parcel,
        .is_answered = calloc(parcel->count, sizeof(bool)),
        .failed_index = SIZE_MAX,
    };
    return flight->is_answered != NULL ? 0 : HAPLO_ENOMEM;
}

void flight_free(struct flight *flight)
{
    free(flight->is_answered);
    flight->is_answered = NULL;
}

void flight_sent(struct flight *flight)
{
    assert(!flight->is_sent);
    assert(flight->sent_count < flight->parcel->count);
    flight->sent_count++;
}

/* The failure that counts is that of the first message which failed. */
static void failure_note(struct flight *flight, size_t index,
                         enum outlet_verdict verdict, const char *why)
{
    if (index < flight->failed_index) {
        flight->failed_index = index;
        flight->verdict = verdict;
        (void)reason_set(&flight->why, 0, "%s", why);
    }
}

void flight_note(struct flight *flight, size_t index,
                 enum outlet_verdict verdict, const struct reason *why)
{
    if (index >= flight->sent_count || flight->is_answered[index] ||
        flight_is_over(flight)) {
        return;
    }
    flight->is_answered[index] = true;
    flight->answered_count++;
    if (verdict != OUTLET_DELIVERED) {
        failure_note(flight, index, verdict, why->text);
    }
}

void flight_give_up(struct flight *flight, enum outlet_verdict verdict,
                    const char *why)
{
    for (size_t i = 0; i < flight->parcel->count; i++) {
        if (!flight->is_answered[i]) {
            failure_note(flight, i, verdict, why);
            break;
        }
    }
    flight->is_sent = true;
    flight->answered_count = flight->sent_count;
}

bool flight_is_over(const struct flight *flight)
{
    return flight->is_sent && flight->answered_count == flight->sent_count;
}

void flight_report(const struct flight *flight)
{
    struct outlet_parcel *parcel = flight->parcel;

    assert(flight_is_over(flight));
    if (flight->failed_index == SIZE_MAX) {
        assert(flight->sent_count == parcel->count);
        parcel->delivered_count = parcel->count;
        parcel->verdict = OUTLET_DELIVERED;
        parcel->why.text[0] = '\0';
    } else {
        parcel->delivered_count = flight->failed_index;
        parcel->verdict = flight->verdict;
        parcel->why = flight->why;
    }
}
