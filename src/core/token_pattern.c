#include "core/token_pattern.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "haplopoll.h"

/* TRE allocates 8 bytes on the stack for each atom and group of a pattern,
 * after the repetition counts have been expanded. */
#define EXTENT_MAX 20000
#define DEPTH_MAX 32
#define CLASS_SIZE_MAX 16

/* The last character of the bracket expression that begins at text; NULL if it
 * does not end, or if [: :] does not contain a name. */
static const char *bracket_end(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    const char *at = text + 1;
    at += *at == '^';
    at += *at == ']';
    while (*at != ']' && *at != '\0') {
        if (*at == '[' && at[1] == ':') {
            size_t size = strspn(at + 2, letters);
            if (size > CLASS_SIZE_MAX || strncmp(at + 2 + size, ":]", 2) != 0) {
                return NULL;
            }
            at += size + 3;
        }
        at++;
    }
    return *at == ']' ? at : NULL;
}

/* Reads a number and moves past it; 0 if there is none. */
static unsigned long number_read(const char **text)
{
    char *end;
    if (!isdigit((unsigned char)**text)) {
        return 0;
    }
    unsigned long number = strtoul(*text, &end, 10);
    *text = end;
    return number;
}

/* The larger number in {n}, {n,}, {,m} or {n,m}. 0 for anything else, since
 * TRE accepts more than counts in braces. */
static unsigned long count_read(const char *text)
{
    unsigned long least = number_read(&text);
    unsigned long most = 0;
    if (*text == ',') {
        text++;
        most = number_read(&text);
    }
    if (*text != '}') {
        return 0;
    }
    return most > least ? most : least;
}

struct extent {
    size_t atoms;  /* characters, sets and anchors, expanded */
    size_t groups; /* groups, expanded */
};

/* The state while a pattern is measured. */
struct extent_count {
    struct extent levels[DEPTH_MAX]; /* the pattern, and its nested groups */
    size_t depth;                    /* open groups */
    struct extent newest;            /* what a count would repeat */
};

/* Adds the newest piece, times over. */
static void extent_add(struct extent_count *count, size_t times)
{
    struct extent *level = &count->levels[count->depth];
    level->atoms += times * count->newest.atoms;
    level->groups += times * count->newest.groups;
}

static const char *extent_open(struct extent_count *count)
{
    if (count->depth + 1 == DEPTH_MAX) {
        return "its groups are nested too deeply";
    }
    count->levels[++count->depth] = (struct extent){0, 0};
    return NULL;
}

static const char *extent_close(struct extent_count *count)
{
    if (count->depth == 0) {
        return "a ) has no matching (";
    }
    count->newest = count->levels[count->depth--];
    count->newest.groups++;
    extent_add(count, 1);
    return NULL;
}

/* text follows the {. */
static const char *extent_repeat(struct extent_count *count, const char *text)
{
    unsigned long times = count_read(text);
    if (times == 0) {
        return "{ } does not contain a count such as {2}, {2,} or {2,8}";
    }
    times = times <= EXTENT_MAX ? times : EXTENT_MAX + 1;
    extent_add(count, times - 1);
    count->newest.atoms *= times;
    count->newest.groups *= times;
    return NULL;
}

static const char *extent_check(const struct extent_count *count)
{
    size_t product = 0;
    for (size_t i = 0; i <= count->depth; i++) {
        product += count->levels[i].atoms * (count->levels[i].groups + 1);
    }
    return product > EXTENT_MAX ? "its repetition counts make it too large"
                                : NULL;
}

/* Measures the piece of the pattern at *at and moves to its last character. */
static const char *extent_piece(struct extent_count *count, const char **at)
{
    switch (**at) {
    case '(':
        return extent_open(count);
    case ')':
        return extent_close(count);
    case '{': {
        const char *text = *at + 1;
        *at += strcspn(*at, "}");
        *at -= **at == '\0';
        return extent_repeat(count, text);
    }
    case '+': /* once, then any number of times */
        return extent_repeat(count, "2}");
    case '*':
    case '?':
        return NULL;
    case '\\':
        if ((*at)[1] >= '1' && (*at)[1] <= '9') {
            return "it contains a back-reference, which is not supported";
        }
        *at += (*at)[1] != '\0';
        break;
    case '[':
        *at = bracket_end(*at);
        if (*at == NULL) {
            return "a [ has no matching ], or a [: no name and :]";
        }
        break;
    default:
        break;
    }
    count->newest = (struct extent){1, 0};
    extent_add(count, 1);
    return NULL;
}

/* Describes what TRE could not match in bounded time and memory, or not at
 * all; NULL if there is no such thing. */
static const char *pattern_excess(const char *text)
{
    struct extent_count count = {.depth = 0};
    const char *excess = NULL;
    for (const char *at = text; excess == NULL && *at != '\0'; at++) {
        excess = extent_piece(&count, &at);
        if (excess != NULL) {
            return excess;
        }
        excess = extent_check(&count);
    }
    return excess;
}

static int pattern_compile(struct token_pattern *pattern, const char *text,
                           struct reason *why)
{
    const char *excess = pattern_excess(text);
    if (excess != NULL) {
        return reason_set(why, HAPLO_EINVAL, "%s", excess);
    }
    locale_t before = uselocale(pattern->bytes);
    int result = tre_regcomp(&pattern->compiled, text, REG_EXTENDED);
    (void)uselocale(before);
    if (result == REG_ESPACE) {
        return HAPLO_ENOMEM;
    }
    if (result != 0) {
        char problem[128];
        (void)tre_regerror(result, &pattern->compiled, problem, sizeof problem);
        return reason_set(why, HAPLO_EINVAL, "not a regular expression: %s",
                          problem);
    }
    return 0;
}

int token_pattern_search(const struct token_pattern *pattern, const char *text,
                         size_t size, regmatch_t match[2])
{
    assert(size <= INT_MAX);
    locale_t before = uselocale(pattern->bytes);
    int result = tre_regnexec(&pattern->compiled, text, size, 2, match, 0);
    (void)uselocale(before);
    if (result == REG_ESPACE) {
        return HAPLO_ENOMEM;
    }
    if (pattern->compiled.re_nsub == 0) {
        match[1] = match[0];
    }
    return result != 0 || match[1].rm_so < 0 ? HAPLO_EDOCUMENT : 0;
}

/* A pattern that matches the empty string would find an empty token in any
 * body, and take it for an empty queue. */
static int pattern_check(const struct token_pattern *pattern,
                         struct reason *why)
{
    regmatch_t match[2];
    int error = token_pattern_search(pattern, "", 0, match);
    if (error == 0 && pattern->compiled.re_nsub == 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "it matches anything: write what precedes the "
                          "token, and put the token in ( )");
    }
    return error == HAPLO_ENOMEM ? error : 0;
}

static int pattern_init(struct token_pattern *pattern, const char *text,
                        struct reason *why)
{
    pattern->bytes = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
    if (pattern->bytes == (locale_t)0) {
        return HAPLO_ENOMEM;
    }
    int error = pattern_compile(pattern, text, why);
    if (error == 0) {
        error = pattern_check(pattern, why);
        if (error != 0) {
            tre_regfree(&pattern->compiled);
        }
    }
    if (error != 0) {
        freelocale(pattern->bytes);
    }
    return error;
}

struct token_pattern *token_pattern_new(const char *text, int *error,
                                        struct reason *why)
{
    struct token_pattern *pattern = alloc_zeroed(1, sizeof *pattern);
    *error = HAPLO_ENOMEM;
    if (pattern == NULL) {
        return NULL;
    }
    *error = pattern_init(pattern, text, why);
    if (*error != 0) {
        alloc_free(pattern);
        return NULL;
    }
    return pattern;
}

void token_pattern_free(struct token_pattern *pattern)
{
    if (pattern == NULL) {
        return;
    }
    tre_regfree(&pattern->compiled);
    freelocale(pattern->bytes);
    alloc_free(pattern);
}
