#include "core/raw_batch.h"

#include <limits.h>

#include "core/form.h"
#include "core/page.h"

/* If the queue expects text/html, an error page of the server ends up here and
 * is quoted. Any other body may contain personal data and is not. */
static int no_token(const struct batch *batch, struct reason *why)
{
    struct page_quote quote = {""};
    if (page_is_html(batch->body, batch->body_size)) {
        page_quote(&quote, batch->body, batch->body_size);
    }
    return reason_set(why, HAPLO_EDOCUMENT, "token_pattern found no token%s",
                      quote.text);
}

/* match[0] is the whole match, match[1] the token. */
static int token_find(const struct batch *batch,
                      const struct token_pattern *pattern, regmatch_t match[2],
                      struct reason *why)
{
    if (batch->body_size > INT_MAX) {
        return reason_set(why, HAPLO_ETOOBIG,
                          "token_pattern cannot search %zu bytes",
                          batch->body_size);
    }
    int error =
        token_pattern_search(pattern, batch->body_size > 0 ? batch->body : "",
                             batch->body_size, match);
    if (error == HAPLO_ENOMEM) {
        return reason_set(why, error, "out of memory");
    }
    return error != 0 ? no_token(batch, why) : 0;
}

static int message_make(struct batch *batch, const char *token, size_t size,
                        struct reason *why)
{
    int error = form_set(batch, token, size, why);
    if (error != 0) {
        return error;
    }
    struct haplo_message *message = batch_add_message(batch);
    if (message == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    message->body.data = batch->body;
    message->body.size = batch->body_size;
    return 0;
}

int raw_batch_finish(struct batch *batch, const struct fetch_format *format,
                     struct reason *why)
{
    regmatch_t match[2] = {{-1, -1}, {-1, -1}};
    int error = token_find(batch, format->token_pattern, match, why);
    if (error != 0) {
        return error;
    }
    if (match[1].rm_so == match[1].rm_eo) {
        return 0;
    }
    return message_make(batch, batch->body + match[1].rm_so,
                        (size_t)(match[1].rm_eo - match[1].rm_so), why);
}
