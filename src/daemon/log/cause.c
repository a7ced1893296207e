#include "daemon/log/cause.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "haplopoll.h"

#define KEY_SIZE (3 * HAPLO_NAME_SIZE_MAX + 96)
#define SCOPE_SIZE (HAPLO_NAME_SIZE_MAX + 16)
#define NAME_SIZE (2 * HAPLO_NAME_SIZE_MAX + 2)

static const char *key_of(const void *cause)
{
    return ((const struct cause *)cause)->key;
}

void causes_init(struct causes *causes)
{
    *causes = (struct causes){.table.name_of = key_of};
    TAILQ_INIT(&causes->list);
}

static void cause_free(struct cause *cause)
{
    free(cause->key);
    free(cause->scope);
    free(cause->name);
    free(cause->text);
    free(cause->detail);
    free(cause->server);
    free(cause->object);
    free(cause->outlet);
    free(cause->inbox);
    free(cause);
}

void causes_free(struct causes *causes)
{
    struct cause *next;
    for (struct cause *cause = TAILQ_FIRST(&causes->list); cause != NULL;
         cause = next) {
        next = TAILQ_NEXT(cause, link);
        cause_free(cause);
    }
    name_table_free(&causes->table);
    causes_init(causes);
}

void cause_remove(struct causes *causes, struct cause *cause)
{
    name_table_remove(&causes->table, cause);
    TAILQ_REMOVE(&causes->list, cause, link);
    cause_free(cause);
}

/* Keys */

/* A queue that cannot be stored is a matter of its inbox. */
static void write_scope(char scope[SCOPE_SIZE],
                        const struct transition *transition)
{
    bool is_undelivered = strcmp(transition->to, "undelivered") == 0;
    switch (transition->kind) {
    case TRANSITION_QUEUE:
        (void)snprintf(scope, SCOPE_SIZE, "%s%s",
                       is_undelivered ? "inbox " : "",
                       is_undelivered ? transition->inbox : transition->server);
        break;
    case TRANSITION_SERVER:
        (void)snprintf(scope, SCOPE_SIZE, "%s", transition->server);
        break;
    case TRANSITION_OUTLET:
        (void)snprintf(scope, SCOPE_SIZE, "outlet %s", transition->name);
        break;
    case TRANSITION_LANE:
        (void)snprintf(scope, SCOPE_SIZE, "outlet %s", transition->outlet);
        break;
    case TRANSITION_INBOX:
        (void)snprintf(scope, SCOPE_SIZE, "inbox %s", transition->name);
        break;
    case TRANSITION_CONFIG:
    case TRANSITION_FLEET:
        (void)snprintf(scope, SCOPE_SIZE, "configuration");
        break;
    }
}

static void write_name(char name[NAME_SIZE],
                       const struct transition *transition)
{
    bool is_lane = transition->kind == TRANSITION_LANE;
    if (transition->kind == TRANSITION_QUEUE || is_lane) {
        (void)snprintf(name, NAME_SIZE, "%s/%s", transition->server,
                       transition->name);
    } else {
        name[0] = '\0';
    }
}

/* The text after "VERB SERVER/QUEUE: ", if it begins like that. */
static const char *detail_of(const char *text, const char *name)
{
    const char *found = name[0] == '\0' ? NULL : strstr(text, name);
    size_t size = strlen(name);
    return found != NULL && strncmp(found + size, ": ", 2) == 0
               ? found + size + 2
               : text;
}

/* A hash (FNV-1a) of the text in which all numbers are the same. */
static uint64_t pattern_of(const char *detail)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    bool was_digit = false;
    for (const char *c = detail; *c != '\0'; c++) {
        bool is_digit = isdigit((unsigned char)*c) != 0;
        if (!is_digit || !was_digit) {
            hash ^= is_digit ? '0' : (unsigned char)*c;
            hash *= UINT64_C(0x100000001b3);
        }
        was_digit = is_digit;
    }
    return hash;
}

/* Whole servers, outlets and inboxes are in one state at a time, whatever the
 * reason. */
static void write_state_key(char key[KEY_SIZE], enum transition_kind kind,
                            const char *scope, const char *state)
{
    (void)snprintf(key, KEY_SIZE, "%d|%s|%s", (int)kind, scope, state);
}

/* Everything but the pattern. */
static size_t write_family(char key[KEY_SIZE], const char *scope,
                           const struct transition *transition)
{
    return (size_t)snprintf(key, KEY_SIZE, "%d|%s|%s|%d|",
                            (int)transition->kind, scope, transition->to,
                            transition->error);
}

static bool has_members(enum transition_kind kind)
{
    return kind == TRANSITION_QUEUE || kind == TRANSITION_LANE;
}

static bool is_notice(const struct transition *transition)
{
    return strcmp(transition->to, "warning") == 0 ||
           strcmp(transition->to, "dead_letter") == 0;
}

static bool is_family_full(const struct causes *causes, const char *family,
                           size_t size)
{
    const struct cause *cause;
    size_t count = 0;
    TAILQ_FOREACH (cause, &causes->list, link) {
        count += strncmp(cause->key, family, size) == 0;
    }
    return count >= CAUSE_FAMILY_MAX;
}

static void write_key(char key[KEY_SIZE], const struct causes *causes,
                      const char *scope, const struct transition *transition,
                      const char *detail)
{
    if (!has_members(transition->kind) && !is_notice(transition)) {
        write_state_key(key, transition->kind, scope, transition->to);
        return;
    }
    size_t size = write_family(key, scope, transition);
    (void)snprintf(key + size, KEY_SIZE - size, "%016llx",
                   (unsigned long long)pattern_of(detail));
    if (name_table_find(&causes->table, key) == NULL &&
        is_family_full(causes, key, size)) {
        (void)snprintf(key + size, KEY_SIZE - size, "*");
    }
}

/* Causes */

static struct cause *cause_make(const char *key, const char *scope,
                                const char *name,
                                const struct transition *transition)
{
    struct cause *cause = calloc(1, sizeof *cause);
    if (cause == NULL) {
        return NULL;
    }
    *cause = (struct cause){
        .key = strdup(key),
        .kind = transition->kind,
        .state = transition->to,
        .scope = strdup(scope),
        .name = strdup(name),
        .text = strdup(transition->text),
        .detail = strdup(detail_of(transition->text, name)),
        .server = strdup(transition->server),
        .object = strdup(transition->name),
        .outlet = strdup(transition->outlet),
        .inbox = strdup(transition->inbox),
        .error = transition->error,
        .arrival = transition->arrival,
        .delay_ms = transition->delay_ms,
        .at = transition->kind == TRANSITION_SERVER ? transition->at : NULL,
        .reason = transition->reason,
        .is_notice = is_notice(transition),
        .began_ms = transition->at_ms,
        .due_ms = UINT64_MAX,
    };
    if (cause->key == NULL || cause->scope == NULL || cause->name == NULL ||
        cause->text == NULL || cause->detail == NULL || cause->server == NULL ||
        cause->object == NULL || cause->outlet == NULL ||
        cause->inbox == NULL) {
        cause_free(cause);
        return NULL;
    }
    return cause;
}

/* Keeps the old text if memory runs out. */
static void replace(char **text, const char *by)
{
    char *copy = strdup(by);
    if (copy != NULL) {
        free(*text);
        *text = copy;
    }
}

void cause_update_reason(struct cause *cause)
{
    if (cause->reason != NULL && *cause->reason != NULL) {
        replace(&cause->text, *cause->reason);
        replace(&cause->detail, *cause->reason);
    }
}

void cause_refresh(struct cause *cause, const struct transition *transition)
{
    char name[NAME_SIZE];
    write_name(name, transition);
    replace(&cause->name, name);
    replace(&cause->text, transition->text);
    replace(&cause->detail, detail_of(transition->text, name));
    replace(&cause->server, transition->server);
    replace(&cause->object, transition->name);
    cause->arrival = transition->arrival;
    cause->delay_ms = transition->delay_ms;
    cause->began_ms = transition->at_ms;
}

struct cause *cause_for(struct causes *causes,
                        const struct transition *transition, size_t count_max)
{
    char key[KEY_SIZE];
    char scope[SCOPE_SIZE];
    char name[NAME_SIZE];
    write_scope(scope, transition);
    write_name(name, transition);
    write_key(key, causes, scope, transition,
              detail_of(transition->text, name));
    struct cause *cause = name_table_find(&causes->table, key);
    if (cause != NULL || causes->table.count >= count_max) {
        return cause;
    }
    cause = cause_make(key, scope, name, transition);
    if (cause != NULL && name_table_add(&causes->table, cause) != 0) {
        cause_free(cause);
        return NULL;
    }
    if (cause != NULL) {
        TAILQ_INSERT_TAIL(&causes->list, cause, link);
    }
    return cause;
}

struct cause *cause_left(const struct causes *causes,
                         const struct transition *transition)
{
    char key[KEY_SIZE];
    char scope[SCOPE_SIZE];
    write_scope(scope, transition);
    write_state_key(key, transition->kind, scope, transition->from);
    return name_table_find(&causes->table, key);
}
