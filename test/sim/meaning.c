#include "meaning.h"

#include "haplopoll.h"

struct meaning meaning_of_failure(int error)
{
    return (struct meaning){.kind = MEANING_FAILURE, .error = error};
}

static int error_of(const struct answer *answer, bool is_mark,
                    enum remote_revision revision)
{
    switch (answer->kind) {
    case ANSWER_REFUSED:
    case ANSWER_FORBIDDEN:
        return HAPLO_EREFUSED;
    case ANSWER_THROTTLED:
        /* Only the response to a fetch names the kind, and not in 2019. */
        return is_mark || revision == REVISION_2019 ? HAPLO_EREFUSED
                                                    : HAPLO_ETHROTTLED;
    case ANSWER_PAGE:
        return HAPLO_ECONTENT;
    case ANSWER_GARBLED:
        return HAPLO_EDOCUMENT;
    case ANSWER_ERROR:
        return HAPLO_ESERVER;
    case ANSWER_BUSY: /* as answer.c has it */
        return answer->retry_after_ms == 0 ? HAPLO_ELIMITED : HAPLO_ESERVER;
    case ANSWER_REDIRECT:
        return HAPLO_EREDIRECT;
    case ANSWER_ABSENT:
        return HAPLO_ENOTFOUND;
    case ANSWER_ODD:
        return HAPLO_ESTATUS;
    default:
        return 0;
    }
}

struct meaning meaning_of_answer(const struct answer *answer, bool is_mark,
                                 enum remote_revision revision,
                                 bool is_repeated)
{
    struct meaning meaning = {.is_repeated = is_repeated};
    meaning.error = error_of(answer, is_mark, revision);
    if (meaning.error != 0) {
        meaning.kind = MEANING_FAILURE;
        meaning.delay_ms =
            answer->kind == ANSWER_BUSY ? answer->retry_after_ms : 0;
    } else if (is_mark) {
        meaning.kind = MEANING_MARKED;
        meaning.marked_count = answer->marked_count;
        meaning.unread_count = answer->unread_count;
    } else {
        meaning.kind = answer->token == NULL ? MEANING_EMPTY : MEANING_BATCH;
    }
    return meaning;
}
