#include "core/token_pattern.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>

#include "core/alloc.h"
#include "haplopoll.h"

static int pattern_compile(struct token_pattern *pattern, struct reason *why)
{
    char problem[128];
    int result = regcomp(&pattern->compiled, pattern->text, REG_EXTENDED);
    pattern->is_compiled = result == 0;
    if (result == 0) {
        return 0;
    }
    if (result == REG_ESPACE) {
        return HAPLO_ENOMEM;
    }
    (void)regerror(result, &pattern->compiled, problem, sizeof problem);
    return reason_set(why, HAPLO_EINVAL, "token_pattern \"%.200s\": %s",
                      pattern->text, problem);
}

static void pattern_spoil(struct token_pattern *pattern)
{
    regfree(&pattern->compiled);
    pattern->is_compiled = false;
}

int token_pattern_search(struct token_pattern *pattern, const char *text,
                         size_t size, regmatch_t match[2])
{
    assert(size <= INT_MAX);
    /* It was a regular expression before: only memory can be in the way. */
    if (!pattern->is_compiled && pattern_compile(pattern, NULL) != 0) {
        return HAPLO_ENOMEM;
    }
    match[0].rm_so = 0;
    match[0].rm_eo = (regoff_t)size;
    errno = 0;
    int result = regexec(&pattern->compiled, text, 2, match, REG_STARTEND);
    /* glibc's has one word, "no match", for all that goes wrong. */
    if (result == REG_ESPACE || (result != 0 && errno == ENOMEM)) {
        pattern_spoil(pattern);
        return HAPLO_ENOMEM;
    }
    if (pattern->compiled.re_nsub == 0) {
        match[1] = match[0];
    }
    return result != 0 || match[1].rm_so < 0 ? HAPLO_EDOCUMENT : 0;
}

/* It would take every answer for an empty queue. */
static int pattern_check(struct token_pattern *pattern, struct reason *why)
{
    regmatch_t match[2];
    int error = token_pattern_search(pattern, "", 0, match);
    if (error == 0 && pattern->compiled.re_nsub == 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "token_pattern \"%.200s\" matches anything: name "
                          "what is before the token, and put the token in "
                          "( )",
                          pattern->text);
    }
    return error == HAPLO_ENOMEM ? error : 0;
}

struct token_pattern *token_pattern_new(const char *text, int *error,
                                        struct reason *why)
{
    struct token_pattern *pattern = alloc_zeroed(1, sizeof *pattern);
    *error = HAPLO_ENOMEM;
    if (pattern == NULL) {
        return NULL;
    }
    pattern->text = alloc_string(text);
    if (pattern->text != NULL) {
        *error = pattern_compile(pattern, why);
    }
    if (*error == 0) {
        *error = pattern_check(pattern, why);
    }
    if (*error != 0) {
        token_pattern_free(pattern);
        return NULL;
    }
    return pattern;
}

void token_pattern_free(struct token_pattern *pattern)
{
    if (pattern == NULL) {
        return;
    }
    if (pattern->is_compiled) {
        regfree(&pattern->compiled);
    }
    alloc_free(pattern->text);
    alloc_free(pattern);
}
