/*
 * config_servers.c - reads servers, queues and their defaults.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/key_shape.h"
#include "config/api_key.h"
#include "config/config_mapping.h"
#include "config/config_path.h"
#include "config/config_value.h"

#define OWN_MAX 32 /* limit for rows of config_queue_rows */

static bool is_of(const struct option_table *table,
                  const struct option_row *row)
{
    return row >= table->rows && row < table->rows + table->count;
}

/* Own options of queues */

/* The pairs of a mapping that are options of queues, indexed by row. */
struct own_pairs {
    const struct config_pair *list[OWN_MAX]; /* NULL: not set */
    const char *texts[OWN_MAX];              /* their values */
    size_t count;                            /* number of those set */
    bool is_sound;                           /* each has a single value */
};

static bool has_own(const struct config_mapping *mapping)
{
    for (size_t i = 0; i < mapping->count; i++) {
        if (is_of(&config_queue_rows, config_mapping_at(mapping, i)->row)) {
            return true;
        }
    }
    return false;
}

static void own_pairs_find(const struct config_mapping *mapping,
                           struct own_pairs *pairs)
{
    *pairs = (struct own_pairs){.is_sound = true};
    assert(config_queue_rows.count <= OWN_MAX);
    for (size_t i = 0; i < mapping->count; i++) {
        const struct config_pair *pair = config_mapping_at(mapping, i);
        if (!is_of(&config_queue_rows, pair->row)) {
            continue;
        }
        size_t index = (size_t)(pair->row - config_queue_rows.rows);
        pairs->texts[index] = config_mapping_text(mapping, pair->row->name);
        if (pairs->texts[index] == NULL) {
            pairs->is_sound = false;
            continue;
        }
        pairs->list[index] = pair;
        pairs->count++;
    }
}

/* The name of own options, which is equal for equal values. NULL if memory
 * runs out. */
static char *own_text(struct config_loading *loading,
                      const struct own_pairs *pairs)
{
    size_t size = 0;
    for (size_t i = 0; i < config_queue_rows.count; i++) {
        size += pairs->texts[i] != NULL ? strlen(pairs->texts[i]) + 32 : 0;
    }
    char *text = arena_room(&loading->arena, size);
    char *end = text;
    if (text == NULL) {
        return NULL;
    }
    *end = '\0';
    /* The size before each value prevents ambiguity. */
    for (size_t i = 0; i < config_queue_rows.count; i++) {
        if (pairs->texts[i] != NULL) {
            end += sprintf(end, "%zu=%zu:%s", i, strlen(pairs->texts[i]),
                           pairs->texts[i]);
        }
    }
    return text;
}

/* Parses the values and reports invalid ones. */
static void own_parse(const struct config_mapping *mapping,
                      const struct own_pairs *pairs, struct own_options *own)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    struct config *config = mapping->loading->config;
    own->is_sound = pairs->is_sound;
    own->set = 0;
    for (size_t i = 0; i < config_queue_rows.count; i++) {
        const struct option_row *row = &config_queue_rows.rows[i];
        if (pairs->texts[i] == NULL) {
            continue;
        }
        enum diagnostic_code code = config_value_parse(
            config, row, pairs->texts[i], &own->values, why, sizeof why);
        if (code != HP_NONE &&
            config_mapping_fail(mapping, code, pairs->list[i], "%s: %s",
                                row->name, why) != 0) {
            own->is_sound = false;
        } else {
            own->set |= UINT64_C(1) << i;
        }
    }
}

/* The options set by the pairs, parsed once for all that are equal. NULL if
 * memory runs out. */
static struct own_options *own_make(const struct config_mapping *mapping,
                                    const struct own_pairs *pairs)
{
    struct config_loading *loading = mapping->loading;
    char *text = own_text(loading, pairs);
    struct own_options *own =
        text != NULL ? name_table_find(&loading->own_options, text) : NULL;
    if (own != NULL) {
        if (!own->is_sound || !pairs->is_sound) {
            struct own_options again = {.text = text};
            own_parse(mapping, pairs, &again);
        }
        return own;
    }
    own = arena_bytes(&loading->arena, sizeof *own);
    if (text == NULL || own == NULL) {
        return NULL;
    }
    own->text = text;
    own_parse(mapping, pairs, own);
    return name_table_add(&loading->own_options, own) == 0 ? own : NULL;
}

/* Records the positions of the options, in the order of their rows. */
static int places_take(struct config_loading *loading,
                       const struct own_pairs *pairs,
                       const struct own_options *own)
{
    for (size_t i = 0; i < config_queue_rows.count; i++) {
        if ((own->set >> i & 1) == 0) {
            continue;
        }
        struct own_place *place = list_add(&loading->places);
        if (place == NULL) {
            return -1;
        }
        assert(pairs->list[i] != NULL);
        place->index = (uint32_t)i;
        bool is_name = config_queue_rows.rows[i].value == OPTION_REFERENCE;
        place->place =
            is_name ? pairs->list[i]->value_place : pairs->list[i]->place;
    }
    return 0;
}

/* The options for queues in a mapping. NULL if memory runs out. Most queues
 * set none. */
static struct own_options *own_take(const struct config_mapping *mapping)
{
    struct own_pairs pairs;
    struct config_loading *loading = mapping->loading;
    bool says_nothing = !has_own(mapping);
    if (says_nothing && loading->nothing_own != NULL) {
        return loading->nothing_own;
    }
    own_pairs_find(mapping, &pairs);
    struct own_options *own = own_make(mapping, &pairs);
    if (own != NULL && mapping->level == LEVEL_QUEUE &&
        places_take(loading, &pairs, own) != 0) {
        return NULL;
    }
    if (says_nothing) {
        loading->nothing_own = own;
    }
    return own;
}

/* API keys */

/* The program may be named by a path relative to the file. */
static int key_fill_words(struct config *config, const struct config_pair *pair,
                          struct config_key *key)
{
    size_t count = pair->texts.count;
    const char **words =
        arena_bytes(&config->arena, (count + 1) * sizeof *words);
    key->name = arena_string(&config->arena, pair->text);
    if (words == NULL || key->name == NULL) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *word = *(char **)list_at(&pair->texts, i);
        words[i] = i == 0 && strchr(word, '/') != NULL
                       ? config_path(config, word, NULL)
                       : arena_string(&config->arena, word);
        if (words[i] == NULL) {
            return -1;
        }
    }
    key->words = words;
    return 0;
}

static int key_fill(struct config *config, const struct config_pair *pair,
                    struct config_key *key)
{
    if (key->kind == CONFIG_KEY_COMMAND) {
        return key_fill_words(config, pair, key);
    }
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (key->kind == CONFIG_KEY_FILE) {
        key->path = config_path(config, pair->text, &key->name);
        return key->path != NULL ? 0 : -1;
    }
    if (key->kind == CONFIG_KEY_CREDENTIAL && folder != NULL) {
        key->path = config_path_join(config, folder, strlen(folder), pair->text,
                                     &key->name);
        return key->path != NULL ? 0 : -1;
    }
    key->name = arena_string(&config->arena, pair->text);
    return key->name != NULL ? 0 : -1;
}

/* Reads the key, and records why that fails. */
static int key_try(struct config_loading *loading, struct key_draft *draft)
{
    struct api_key text;
    char why[2 * HAPLO_TEXT_SIZE_MAX];
    if (!loading->config->checks_files ||
        draft->key->kind == CONFIG_KEY_COMMAND) {
        return 0;
    }
    int error = api_key_read(draft->key, &text, why, sizeof why);
    api_key_wipe(&text);
    if (error == 0) {
        return 0;
    }
    draft->code =
        !api_key_exists(draft->key) && api_key_is_like(draft->key->name)
            ? HP_SECRET_PASTED
        : api_key_exists(draft->key) ? HP_API_KEY_UNUSABLE
                                     : HP_API_KEY_MISSING;
    draft->why = arena_string(&loading->arena, why);
    return draft->why != NULL ? 0 : -1;
}

/* NULL if memory runs out. */
static struct key_draft *key_draft_new(struct config_loading *loading,
                                       const struct config_pair *pair,
                                       enum config_key_kind kind)
{
    struct key_draft *draft = arena_bytes(&loading->arena, sizeof *draft);
    struct config_key *key = arena_bytes(&loading->config->arena, sizeof *key);
    if (draft == NULL || key == NULL) {
        return NULL;
    }
    key->kind = kind;
    draft->key = key;
    if (key_fill(loading->config, pair, key) != 0 ||
        key_try(loading, draft) != 0 ||
        name_table_add(&loading->keys[kind], draft) != 0) {
        return NULL;
    }
    return draft;
}

/* In another file, the same path may be that of another key. */
static void keys_turn_to(struct config_loading *loading, size_t file)
{
    loading->config->path_file = file;
    if (file == loading->keys_file) {
        return;
    }
    loading->keys_file = file;
    for (size_t i = 0; i < sizeof loading->keys / sizeof *loading->keys; i++) {
        name_table_free(&loading->keys[i]);
    }
}

/* The key at this location, read only once for all its queues. */
static const struct config_key *key_of(const struct config_mapping *mapping,
                                       const struct config_pair *pair)
{
    struct config_loading *loading = mapping->loading;
    enum config_key_kind kind =
        (enum config_key_kind)(pair->row - key_options.rows);
    keys_turn_to(loading, pair->place.file);
    struct key_draft *draft = name_table_find(&loading->keys[kind], pair->text);
    if (draft == NULL) {
        draft = key_draft_new(loading, pair, kind);
    }
    if (draft == NULL) {
        config_loading_no_memory(loading);
        return NULL;
    }
    if (draft->why != NULL) {
        config_mapping_fail(mapping, draft->code, pair, "%s", draft->why);
    }
    return draft->key;
}

/* Writes the words of a command, with a space between them; what is a space or
 * a backslash in a word gets a backslash, so that no two commands have the same
 * text. -1 if memory runs out. */
static int words_join(struct config_pair *pair)
{
    size_t size = 0;
    for (size_t i = 0; i < pair->texts.count; i++) {
        size += 2 * strlen(*(char **)list_at(&pair->texts, i)) + 1;
    }
    char *end = pair->text = malloc(size);
    for (size_t i = 0; end != NULL && i < pair->texts.count; i++) {
        for (const char *c = *(char **)list_at(&pair->texts, i); *c != '\0';
             c++) {
            if (*c == ' ' || *c == '\\') {
                *end++ = '\\';
            }
            *end++ = *c;
        }
        *end++ = i + 1 < pair->texts.count ? ' ' : '\0';
    }
    return pair->text != NULL ? 0 : -1;
}

/* Checks the words of a command, and writes them into pair->text. */
static bool command_take(const struct config_mapping *mapping,
                         struct config_pair *pair)
{
    if (!config_mapping_is_list(mapping, pair)) {
        return false;
    }
    if (pair->texts.count == 0 ||
        (*(char **)list_at(&pair->texts, 0))[0] == '\0') {
        config_mapping_fail(mapping, HP_LIST_EMPTY, pair,
                            "%s: it names no program: write it like "
                            "[/usr/local/bin/haplo-key, student]",
                            pair->row->name);
        return false;
    }
    for (size_t i = 0; i < pair->texts.count; i++) {
        if (api_key_is_like(*(char **)list_at(&pair->texts, i))) {
            config_mapping_fail(mapping, HP_SECRET_PASTED, pair,
                                "%s: a word looks like an API key: everybody "
                                "on this machine could read it in the list of "
                                "processes; let the command read it",
                                pair->row->name);
            return false;
        }
    }
    if (words_join(pair) != 0) {
        config_loading_no_memory(mapping->loading);
        return false;
    }
    return true;
}

/* True if an unknown key probably meant one of the options for keys. */
static bool means_key(const struct config_mapping *mapping)
{
    for (size_t i = 0; i < key_options.count; i++) {
        if (config_mapping_meant(mapping, key_options.rows[i].name)) {
            return true;
        }
    }
    return false;
}

/* The key that the mapping specifies; NULL: none. */
static const struct config_key *key_take(const struct config_mapping *mapping)
{
    /* Used after an error, so that a missing key is not reported as well. */
    static const struct config_key bad_key = {.name = ""};
    char quoted[CONFIG_SHOW_SIZE];
    const struct config_pair *first = NULL;
    const struct config_key *key = means_key(mapping) ? &bad_key : NULL;
    for (size_t i = 0; i < mapping->count; i++) {
        struct config_pair *pair = config_mapping_at(mapping, i);
        if (!is_of(&key_options, pair->row)) {
            continue;
        }
        if (first != NULL) {
            config_mapping_fail(mapping, HP_KEYS_EXCLUSIVE, pair,
                                "both %s and %s are given: keep one of them",
                                first->row->name, pair->row->name);
            continue;
        }
        first = pair;
        key = &bad_key;
        if (pair->row->value == OPTION_TEXT_LIST
                ? !command_take(mapping, pair)
                : config_mapping_text(mapping, pair->row->name) == NULL) {
            continue;
        }
        if (strcmp(pair->row->name, "api_key_credential") == 0 &&
            strchr(pair->text, '/') != NULL) {
            config_mapping_fail(mapping, HP_CREDENTIAL_NAME, pair,
                                "api_key_credential: %s is not the name of a "
                                "credential: give a name without slashes, or "
                                "use api_key_file",
                                config_quote(pair->text, quoted));
            continue;
        }
        key = key_of(mapping, pair);
    }
    return key;
}

/* Sections */

static struct config_place place_of(const struct config_mapping *mapping,
                                    const char *name)
{
    const struct config_pair *pair = config_mapping_find(mapping, name);
    return pair != NULL ? pair->place : mapping->place;
}

static struct config_place value_place_of(const struct config_mapping *mapping,
                                          const char *name)
{
    const struct config_pair *pair = config_mapping_find(mapping, name);
    return pair != NULL ? pair->value_place : mapping->place;
}

void config_defaults_take(const struct config_mapping *mapping)
{
    struct config_loading *loading = mapping->loading;
    loading->defaults_inbox_place = value_place_of(mapping, "inbox");
    loading->queue_defaults = own_take(mapping);
    if (loading->queue_defaults == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    loading->has_bad_defaults =
        config_mapping_apply(mapping, &config_server_rows,
                             &loading->server_defaults,
                             &loading->server_defaults_set) != 0 ||
        !loading->queue_defaults->is_sound;
}

void config_server_begin(struct config_mapping *mapping)
{
    struct config_loading *loading = mapping->loading;
    struct server_draft *draft = list_add(&loading->servers);
    if (draft == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    mapping->draft = loading->servers.count - 1;
    draft->first_queue = loading->queues.count;
    draft->server.place = mapping->place;
}

/* http is for loopback only, unless allow_http is set. */
static void server_url_check(const struct config_mapping *mapping,
                             const struct haplo_server_options *options)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    const struct config_pair *pair = config_mapping_find(mapping, "url");
    if (options->url != NULL &&
        haplo_url_check(options->url, options->allow_http, why, sizeof why) !=
            0) {
        config_mapping_fail(mapping, HP_URL_REFUSED, pair, "url: %s", why);
    }
}

void config_server_take(const struct config_mapping *mapping)
{
    struct config_loading *loading = mapping->loading;
    struct server_draft *draft = list_at(&loading->servers, mapping->draft);
    struct haplo_server_options *options = &draft->server.options;
    const struct config_pair *queues = config_mapping_find(mapping, "queues");
    draft->server.queue_count = loading->queues.count - draft->first_queue;
    int own = config_mapping_apply(mapping, &server_own_options, options, NULL);
    int shared = config_mapping_apply(mapping, &config_server_rows, options,
                                      &draft->set);
    server_url_check(mapping, options);
    draft->tls_place = place_of(mapping, "tls_key_file");
    draft->inbox_place = value_place_of(mapping, "inbox");
    draft->key = key_take(mapping);
    draft->own = own_take(mapping);
    if (draft->own == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    draft->is_sound = own == 0 && shared == 0 && draft->own->is_sound;
    if (queues == NULL || (queues->entry_count == 0 && !queues->is_bad)) {
        config_mapping_fail(mapping, HP_LIST_EMPTY, queues,
                            "it has no queues: list at least one under "
                            "queues");
    }
}

void config_queue_take(const struct config_mapping *mapping)
{
    struct config_loading *loading = mapping->loading;
    struct queue_draft *draft = list_add(&loading->queues);
    if (draft == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    draft->queue.place = mapping->place;
    draft->queue.name = config_mapping_name(mapping);
    draft->queue.key = key_take(mapping);
    draft->first_place = loading->places.count;
    draft->own = own_take(mapping);
    if (draft->own == NULL) {
        config_loading_no_memory(loading);
    }
}
