#include "config/config_parse.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_errors.h"
#include "config/config_path.h"
#include "config/server_url.h"
#include "config/units.h"
#include "daemon/sink_types.h"

/* One value that is being read. */
struct parsing {
    struct config *config;        /* */
    const struct option_row *row; /* */
    const char *text;             /* */
    void *target;                 /* of the type that the value has */
    char *why;                    /* */
    size_t why_size;              /* */
};

__attribute__((format(printf, 2, 3))) static int refuse(
    const struct parsing *parsing, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parsing->why, parsing->why_size, format, arguments);
    va_end(arguments);
    return -1;
}

/* The same, for a value that is shown. */
static int refuse_value(const struct parsing *parsing, const char *reason)
{
    char quoted[CONFIG_SHOW_SIZE];
    return refuse(parsing, "%s %s", config_quote(parsing->text, quoted),
                  reason);
}

static int text_store(const struct parsing *parsing, const char *text)
{
    if (text == NULL) {
        return refuse(parsing, "out of memory");
    }
    *(const char **)parsing->target = text;
    return 0;
}

static int path_parse(const struct parsing *parsing)
{
    return text_store(parsing, config_path(parsing->config, parsing->text));
}

static int path_try(const struct parsing *parsing, bool is_secret)
{
    int fd;
    char quoted[CONFIG_SHOW_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    if (path_parse(parsing) != 0) {
        return -1;
    }
    const char *path = *(const char **)parsing->target;
    if (config_path_open(path, is_secret, &fd, why, sizeof why) != 0) {
        return refuse(parsing, "%s: %s", config_quote(path, quoted), why);
    }
    close(fd);
    return 0;
}

static int file_parse(const struct parsing *parsing)
{
    return path_try(parsing, false);
}

static int private_file_parse(const struct parsing *parsing)
{
    return path_try(parsing, true);
}

static int key_file_parse(const struct parsing *parsing)
{
    struct config_key *key = parsing->target;
    key->kind = CONFIG_KEY_FILE;
    key->name = parsing->text;
    key->path = config_path(parsing->config, parsing->text);
    return key->path != NULL ? 0 : refuse(parsing, "out of memory");
}

static int key_env_parse(const struct parsing *parsing)
{
    *(struct config_key *)parsing->target =
        (struct config_key){CONFIG_KEY_ENV, parsing->text, NULL};
    return 0;
}

static int key_credential_parse(const struct parsing *parsing)
{
    struct config_key *key = parsing->target;
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    *key = (struct config_key){CONFIG_KEY_CREDENTIAL, parsing->text, NULL};
    if (strchr(parsing->text, '/') != NULL) {
        return refuse_value(parsing, "is no credential's name: give a name "
                                     "without slashes, or use api_key_file");
    }
    if (folder == NULL) {
        return 0;
    }
    key->path = config_path_join(parsing->config, folder, strlen(folder),
                                 parsing->text);
    return key->path != NULL ? 0 : refuse(parsing, "out of memory");
}

static int name_store(const struct parsing *parsing)
{
    if (strcmp(parsing->text, ".") == 0 || strcmp(parsing->text, "..") == 0) {
        return refuse_value(parsing, "is a folder's name: give another");
    }
    if (strlen(parsing->text) > HAPLO_NAME_SIZE_MAX) {
        return refuse(parsing, "longer than %d bytes: shorten it",
                      HAPLO_NAME_SIZE_MAX);
    }
    return text_store(parsing, parsing->text);
}

/* Logs and the command line write SERVER/QUEUE. */
static int name_parse(const struct parsing *parsing)
{
    for (const char *c = parsing->text; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f || *c == '/') {
            return refuse_value(parsing, "has a blank, a slash or a control "
                                         "character: write one word, such as "
                                         "example-live");
        }
    }
    return name_store(parsing);
}

/* The server compares names undecoded (PROTOCOL.md, "Errors"), so one that
 * needs encoding in a URL can never be found. */
static int queue_name_parse(const struct parsing *parsing)
{
    size_t size = strspn(parsing->text, "abcdefghijklmnopqrstuvwxyz"
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                        "-._~!$&'()*+,;=:@");
    if (parsing->text[size] != '\0') {
        return refuse_value(parsing,
                            "has a character that cannot stand in a poll URL: "
                            "copy the name from the queue's page");
    }
    return name_store(parsing);
}

static int sink_type_parse(const struct parsing *parsing)
{
    return sink_type_is_known(parsing->text)
               ? text_store(parsing, parsing->text)
               : refuse_value(parsing,
                              "is no type of sink: give " SINK_TYPES_TEXT);
}

static int content_type_parse(const struct parsing *parsing)
{
    const char *text = parsing->text;
    const char *slash = strchr(text, '/');
    if (slash == NULL || slash == text || slash[1] == '\0' ||
        strpbrk(text, " \t\r\n;") != NULL) {
        return refuse_value(parsing, "is no content type: write it as "
                                     "application/json, without parameters");
    }
    return text_store(parsing, text);
}

/* RFC 6901: "~" is followed by 0 or 1; each segment begins with "/". */
static int pointer_parse(const struct parsing *parsing)
{
    int depth = 0;
    const char *text = parsing->text;
    for (const char *c = text; *c != '\0'; c++) {
        depth += *c == '/';
        if (*c == '~' && c[1] != '0' && c[1] != '1') {
            return refuse_value(parsing, "is no JSON pointer: write ~0 for ~ "
                                         "and ~1 for / in a name");
        }
    }
    if (text[0] != '/') {
        return refuse_value(parsing, "is no JSON pointer: begin it with a "
                                     "slash, as /token or /result/items");
    }
    if (depth > HAPLO_POINTER_DEPTH_MAX) {
        return refuse(parsing, "more than %d segments: shorten it",
                      HAPLO_POINTER_DEPTH_MAX);
    }
    /* The library checks more of an answer where it is told of no pointer. */
    bool is_default = strcmp(text, parsing->row->fallback) == 0;
    *(const char **)parsing->target = is_default ? NULL : text;
    return 0;
}

static int pattern_parse(const struct parsing *parsing)
{
    char quoted[CONFIG_SHOW_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    if (haplo_token_pattern_check(parsing->text, why, sizeof why) != 0) {
        return refuse(parsing, "%s: %s: write one as <token>([^<]+)</token>",
                      config_quote(parsing->text, quoted), why);
    }
    return text_store(parsing, parsing->text);
}

/* A proxy's URL may hold a password, so it is never shown. */
static int proxy_parse(const struct parsing *parsing)
{
    return proxy_url_check(parsing->text, parsing->why, parsing->why_size) == 0
               ? text_store(parsing, parsing->text)
               : -1;
}

static int url_parse(const struct parsing *parsing)
{
    bool is_clear;
    char quoted[CONFIG_SHOW_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    if (server_url_check(parsing->text, &is_clear, why, sizeof why) == 0) {
        return text_store(parsing, parsing->text);
    }
    return strchr(parsing->text, '@') != NULL
               ? refuse(parsing, "%s", why)
               : refuse(parsing, "%s: %s", config_quote(parsing->text, quoted),
                        why);
}

static int bool_parse(const struct parsing *parsing)
{
    bool is_true = strcmp(parsing->text, "true") == 0;
    if (!is_true && strcmp(parsing->text, "false") != 0) {
        return refuse_value(parsing, "is neither: write true or false");
    }
    *(bool *)parsing->target = is_true;
    return 0;
}

static int format_parse(const struct parsing *parsing)
{
    bool is_raw = strcmp(parsing->text, "raw") == 0;
    if (!is_raw && strcmp(parsing->text, "json") != 0) {
        return refuse_value(parsing, "is no format: write json or raw");
    }
    *(enum haplo_format *)parsing->target =
        is_raw ? HAPLO_FORMAT_RAW : HAPLO_FORMAT_JSON;
    return 0;
}

static int bounds_check(const struct parsing *parsing, uint64_t value,
                        const char *(*format)(uint64_t, char *))
{
    char min[UNITS_TEXT_SIZE];
    char max[UNITS_TEXT_SIZE];
    char quoted[CONFIG_SHOW_SIZE];
    const struct option_row *row = parsing->row;
    if (value >= row->min && value <= row->max) {
        return 0;
    }
    return refuse(parsing, "%s is out of bounds: give %s to %s%s",
                  config_quote(parsing->text, quoted), format(row->min, min),
                  format(row->max, max),
                  option_has_none(row) ? ", or none" : "");
}

static const char *count_format(uint64_t count, char text[UNITS_TEXT_SIZE])
{
    snprintf(text, UNITS_TEXT_SIZE, "%" PRIu64, count);
    return text;
}

static int count_value_parse(const struct parsing *parsing)
{
    uint64_t count;
    if (count_parse(parsing->text, &count) != 0) {
        return refuse_value(parsing, "is no count: write a whole number");
    }
    if (bounds_check(parsing, count, count_format) != 0) {
        return -1;
    }
    *(unsigned *)parsing->target = (unsigned)count;
    return 0;
}

static int duration_value_parse(const struct parsing *parsing)
{
    uint64_t ms;
    if (duration_parse(parsing->text, &ms) != 0) {
        return refuse_value(
            parsing, "is no duration: write it as " UNITS_DURATION_EXAMPLES);
    }
    if (bounds_check(parsing, ms, duration_format) != 0) {
        return -1;
    }
    *(uint64_t *)parsing->target = ms;
    return 0;
}

static int size_value_parse(const struct parsing *parsing)
{
    uint64_t bytes;
    if (size_parse(parsing->text, &bytes) != 0) {
        return refuse_value(parsing,
                            "is no size: write it as " UNITS_SIZE_EXAMPLES);
    }
    if (bounds_check(parsing, bytes, size_format) != 0) {
        return -1;
    }
    *(size_t *)parsing->target = (size_t)bytes;
    return 0;
}

static void none_store(const struct parsing *parsing)
{
    switch (parsing->row->value) {
    case VALUE_COUNT:
        *(unsigned *)parsing->target = 0;
        break;
    case VALUE_DURATION:
        *(uint64_t *)parsing->target = 0;
        break;
    default:
        *(const char **)parsing->target = NULL;
    }
}

int config_parse(struct config *config, const struct option_row *row,
                 const char *text, void *target, char *why, size_t why_size)
{
    static int (*const parsers[VALUE_TYPE_COUNT])(const struct parsing *) = {
        [VALUE_NAME] = name_parse,
        [VALUE_QUEUE_NAME] = queue_name_parse,
        [VALUE_SINK_TYPE] = sink_type_parse,
        [VALUE_PATH] = path_parse,
        [VALUE_FILE] = file_parse,
        [VALUE_PRIVATE_FILE] = private_file_parse,
        [VALUE_KEY_FILE] = key_file_parse,
        [VALUE_KEY_ENV] = key_env_parse,
        [VALUE_KEY_CREDENTIAL] = key_credential_parse,
        [VALUE_URL] = url_parse,
        [VALUE_PROXY] = proxy_parse,
        [VALUE_BOOL] = bool_parse,
        [VALUE_COUNT] = count_value_parse,
        [VALUE_DURATION] = duration_value_parse,
        [VALUE_SIZE] = size_value_parse,
        [VALUE_FORMAT] = format_parse,
        [VALUE_POINTER] = pointer_parse,
        [VALUE_PATTERN] = pattern_parse,
        [VALUE_CONTENT_TYPE] = content_type_parse,
    };
    struct parsing parsing = {config, row, text, target, why, why_size};
    if (text[0] == '\0') {
        return refuse(&parsing, "it has no value: write one, or remove it");
    }
    if (option_has_none(row) && strcmp(text, "none") == 0) {
        none_store(&parsing);
        return 0;
    }
    return parsers[row->value](&parsing);
}
