#include "daemon/text/source_excerpt.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/key_shape.h"
#include "config/config_errors.h"

/* A piece of the line: a character, or something hidden. */
struct piece {
    const char *text; /* what is shown; not NUL-terminated */
    size_t size;      /* of text */
    size_t width;     /* columns that it takes */
};

/* Secrets */

static bool is_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* The size of the word that begins here: a name or an API key. */
static size_t word_size(const char *text)
{
    size_t size = 0;
    while (is_of_word(text[size])) {
        size++;
    }
    return size;
}

/* True unless this is within a word. */
static bool is_start(const char *from, const char *at)
{
    return at == from || !is_of_word(at[-1]);
}

static bool ends_in(const char *word, size_t size, const char *end)
{
    size_t end_size = strlen(end);
    return size >= end_size &&
           strncasecmp(word + size - end_size, end, end_size) == 0;
}

static bool contains(const char *word, size_t size, const char *part)
{
    size_t part_size = strlen(part);
    for (size_t i = 0; i + part_size <= size; i++) {
        if (strncasecmp(word + i, part, part_size) == 0) {
            return true;
        }
    }
    return false;
}

/* True for the name of an option whose value may be a secret, or that somebody
 * may have made up for one: "password", but not "password_file". */
static bool is_secret_name(const char *word, size_t size)
{
    static const char *const parts[] = {
        "password", "passwd", "passphrase",    "secret",   "token",  "api_key",
        "apikey",   "bearer", "authorization", "conninfo", "headers"};
    static const char *const places[] = {"_file",    "_env",     "_credential",
                                         "_pointer", "_pattern", "_field",
                                         "_command"};
    bool is_secret = false;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        is_secret = is_secret || contains(word, size, parts[i]);
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        is_secret = is_secret && !ends_in(word, size, places[i]);
    }
    return is_secret;
}

/* The size of the separator behind a name that has a value: of ": " or "=";
 * 0: it has none. */
static size_t separator_size(const char *text)
{
    const char *at = text + strspn(text, "\"' ");
    return *at == ':' || *at == '=' ? (size_t)(at - text) + 1 : 0;
}

static bool is_key_like(const char *word, size_t size)
{
    char copy[HAPLO_KEY_SIZE_MAX + 1];
    if (size >= sizeof copy) {
        return true; /* whatever it is, it is too long for a word */
    }
    memcpy(copy, word, size);
    copy[size] = '\0';
    return api_key_is_like(copy);
}

/* The size of the user and password that begin here, in front of an @ and
 * behind "://", which somebody may have forgotten. */
static size_t user_info_size(const char *from, const char *at)
{
    bool is_behind_scheme = at - from >= 3 && strncmp(at - 3, "://", 3) == 0;
    bool is_first = at == from || strchr(" \t\"'[{,", at[-1]) != NULL;
    size_t size = strcspn(at, "@ \t\"'");
    if (at[size] != '@' || (!is_behind_scheme && !is_first)) {
        return 0;
    }
    const char *scheme = strstr(at, "://");
    return scheme != NULL && scheme < at + size ? 0 : size;
}

/* The size of the query of a URL that begins here, behind its question mark:
 * many services take a token there. */
static size_t query_size(const char *from, const char *at)
{
    if (at == from || at[-1] != '?') {
        return 0;
    }
    for (const char *c = at; c - from >= 3; c--) {
        if (strncmp(c - 3, "://", 3) == 0) {
            return strcspn(at, " \t\"'");
        }
        if (strchr(" \t\"'", c[-1]) != NULL) {
            break;
        }
    }
    return 0;
}

/* The number of bytes to hide that begin here. `from` is the start of the
 * line. */
static size_t secret_size(const char *from, const char *at)
{
    size_t size = user_info_size(from, at);
    size = size > 0 ? size : query_size(from, at);
    if (size > 0 || !is_start(from, at)) {
        return size;
    }
    size = word_size(at);
    return size > 0 && is_key_like(at, size) ? size : 0;
}

/* The end of what a name that begins here is followed by, if that is secret;
 * it reaches to the end of the line. NULL: nothing is. */
static const char *secret_value(const char *from, const char *at)
{
    size_t size = is_start(from, at) ? word_size(at) : 0;
    size_t separator = size > 0 ? separator_size(at + size) : 0;
    if (separator == 0 || !is_secret_name(at, size)) {
        return NULL;
    }
    const char *value = at + size + separator;
    return value + strspn(value, " \t");
}

/* Characters */

/* The size of a UTF-8 sequence; 1 for a byte that begins none. */
static size_t sequence_size(const char *text)
{
    unsigned char first = (unsigned char)*text;
    size_t size = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) {
            return 1;
        }
    }
    return first < 0xf5 ? size : 1;
}

static uint32_t code_point(const char *text, size_t size)
{
    static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)text[0] & first_bits[size];
    for (size_t i = 1; i < size; i++) {
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    }
    return code;
}

/* The columns that a character takes, as terminals have it. */
static size_t width_of(uint32_t code)
{
    bool is_mark = (code >= 0x300 && code <= 0x36f) ||
                   (code >= 0x200b && code <= 0x200f) || code == 0xfe0f;
    bool is_wide = (code >= 0x1100 && code <= 0x115f) ||
                   (code >= 0x2e80 && code <= 0xa4cf) ||
                   (code >= 0xac00 && code <= 0xd7a3) ||
                   (code >= 0xf900 && code <= 0xfaff) ||
                   (code >= 0xfe30 && code <= 0xfe6f) ||
                   (code >= 0xff00 && code <= 0xff60) ||
                   (code >= 0x1f300 && code <= 0x1faff) ||
                   (code >= 0x20000 && code <= 0x3fffd);
    return is_mark ? 0 : is_wide ? 2 : 1;
}

/* Tabs become blanks, so that the marks below are in the right place whatever
 * the width of a tab; other control characters become question marks. */
static struct piece character(const char *at, size_t size)
{
    unsigned char first = (unsigned char)*at;
    if (size == 1 && first == '\t') {
        return (struct piece){" ", 1, 1};
    }
    if (size == 1 && (first < 0x20 || first >= 0x7f)) {
        return (struct piece){"?", 1, 1};
    }
    uint32_t code = code_point(at, size);
    if (code >= 0x80 && code < 0xa0) {
        return (struct piece){"?", 1, 1};
    }
    return (struct piece){at, size, width_of(code)};
}

/* The word in question */

/* The end of a text in quotes, or of a list or mapping in brackets. */
static const char *enclosed_end(const char *at)
{
    char open = *at;
    char close = open == '[' ? ']' : open == '{' ? '}' : open;
    int depth = 0;
    for (const char *c = at; *c != '\0'; c++) {
        depth += *c == open && open != close;
        depth -= *c == close && open != close;
        if (*c == close && depth == 0 && c > at) {
            return c + 1;
        }
    }
    return at + strlen(at);
}

/* The end of a key or a value without quotes. */
static const char *plain_end(const char *at)
{
    const char *c = at;
    for (; *c != '\0'; c++) {
        bool is_spaced = c[1] == '\0' || c[1] == ' ' || c[1] == '\t';
        if (((*c == ':' || *c == ',') && is_spaced) || *c == ']' || *c == '}' ||
            (*c == '#' && c > at && (c[-1] == ' ' || c[-1] == '\t'))) {
            break;
        }
    }
    while (c > at && (c[-1] == ' ' || c[-1] == '\t')) {
        c--;
    }
    return c > at ? c : at + (*at != '\0' ? sequence_size(at) : 0);
}

static const char *word_end(const char *at)
{
    return *at != '\0' && strchr("\"'[{", *at) != NULL ? enclosed_end(at)
                                                       : plain_end(at);
}

/* Where the column is; NULL: the line ends before it. The end itself counts:
 * something may be missing there. */
static const char *column_find(const char *line, unsigned column)
{
    const char *at = line;
    for (unsigned i = 1; i < column; i++) {
        if (*at == '\0') {
            return NULL;
        }
        at += sequence_size(at);
    }
    return at;
}

/* Writing */

/* An excerpt being written. */
struct writing {
    struct source_excerpt *excerpt; /* gets it */
    const char *from;               /* the word in question */
    const char *to;                 /* its end */
    size_t skipped;                 /* columns before the first one shown */
    size_t column;                  /* columns written or skipped */
    size_t line_size;               /* bytes written of the line */
    size_t marks_size;              /* bytes written of the marks */
    bool is_marked;                 /* the caret has been written */
};

static void mark_put(struct writing *writing, char mark)
{
    if (writing->marks_size < SOURCE_EXCERPT_SIZE - 1) {
        writing->excerpt->marks[writing->marks_size++] = mark;
    }
}

static void bytes_put(struct writing *writing, const char *text, size_t size)
{
    if (writing->line_size + size < SOURCE_EXCERPT_SIZE) {
        memcpy(writing->excerpt->line + writing->line_size, text, size);
        writing->line_size += size;
    }
}

/* Writes what stands for the bytes from `at` to `end`. */
static void piece_put(struct writing *writing, struct piece piece,
                      const char *at, const char *end)
{
    bool is_in_word = at < writing->to && end > writing->from;
    writing->column += piece.width;
    if (writing->column <= writing->skipped ||
        writing->column > writing->skipped + SOURCE_COLUMNS_MAX) {
        return;
    }
    bytes_put(writing, piece.text, piece.size);
    for (size_t i = 0; i < piece.width; i++) {
        mark_put(writing, !is_in_word ? ' ' : writing->is_marked ? '~' : '^');
        writing->is_marked = writing->is_marked || is_in_word;
    }
}

/* Writes the line; what is hidden counts as one piece. */
static void line_put(struct writing *writing, const char *line)
{
    const struct piece hidden = {CONFIG_HIDDEN, sizeof CONFIG_HIDDEN - 1,
                                 sizeof CONFIG_HIDDEN - 1};
    const char *secret = NULL; /* what begins here, up to the end */
    for (const char *at = line; *at != '\0';) {
        secret = secret == NULL ? secret_value(line, at) : secret;
        size_t size = at == secret ? strlen(at) : secret_size(line, at);
        if (size > 0) {
            piece_put(writing, hidden, at, at + size);
        } else {
            size = sequence_size(at);
            piece_put(writing, character(at, size), at, at + size);
        }
        at += size;
    }
}

/* How many columns to leave out so that the word is shown. */
static size_t skip_count(const char *line, const char *from)
{
    size_t before = (size_t)(from - line);
    return before < SOURCE_COLUMNS_MAX * 3 / 4
               ? 0
               : before - SOURCE_COLUMNS_MAX / 2;
}

static void trailing_blanks_cut(char *text, size_t size)
{
    while (size > 0 && text[size - 1] == ' ') {
        size--;
    }
    text[size] = '\0';
}

bool source_excerpt_make(struct source_excerpt *excerpt, const char *line,
                         unsigned column)
{
    const char *from = column_find(line, column);
    if (from == NULL || column == 0) {
        return false;
    }
    struct writing writing = {
        .excerpt = excerpt,
        .from = from,
        .to = word_end(from),
        .skipped = skip_count(line, from),
    };
    line_put(&writing, line);
    if (!writing.is_marked) { /* at the very end, or of no width */
        mark_put(&writing, '^');
    }
    trailing_blanks_cut(excerpt->line, writing.line_size);
    trailing_blanks_cut(excerpt->marks, writing.marks_size);
    return true;
}

/* Reading */

void source_reader_close(struct source_reader *reader)
{
    if (reader->file != NULL) {
        (void)fclose(reader->file);
    }
    explicit_bzero(reader, sizeof *reader);
}

static bool open_file(struct source_reader *reader, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        return false;
    }
    reader->file = fopen(path, "re");
    reader->path = path;
    return reader->file != NULL;
}

/* The value of an option may continue in lines that are indented further:
 * those of a secret are hidden as a whole. */
static void secret_follow(struct source_reader *reader)
{
    const char *line = reader->line;
    size_t indent = strspn(line, " -");
    reader->is_hidden = false;
    if (line[strspn(line, " \t")] == '\0') {
        return;
    }
    if (reader->is_in_secret && indent > reader->secret_indent) {
        reader->is_hidden = true;
        return;
    }
    reader->is_in_secret = false;
    for (const char *at = line; *at != '\0';) {
        if (secret_value(line, at) != NULL) {
            reader->is_in_secret = true;
            reader->secret_indent = indent;
            return;
        }
        size_t size = word_size(at);
        at += size > 0 ? size : 1;
    }
}

/* Reads a line, of which only the beginning is kept. */
static bool line_read(struct source_reader *reader)
{
    size_t size = 0;
    int c;
    while ((c = getc_unlocked(reader->file)) != EOF && c != '\n') {
        if (size < sizeof reader->line - 1) {
            reader->line[size++] = (char)(c != '\0' ? c : '?');
        }
    }
    if (c == EOF && size == 0) {
        return false;
    }
    size -= size > 0 && reader->line[size - 1] == '\r';
    reader->line[size] = '\0';
    reader->number++;
    secret_follow(reader);
    return true;
}

bool source_reader_excerpt(struct source_reader *reader, const char *path,
                           uint32_t line, unsigned column,
                           struct source_excerpt *excerpt)
{
    bool is_same = reader->file != NULL && strcmp(reader->path, path) == 0 &&
                   reader->number <= line;
    if (!is_same) {
        source_reader_close(reader);
        if (!open_file(reader, path)) {
            return false;
        }
    }
    while (reader->number < line) {
        if (!line_read(reader)) {
            return false;
        }
    }
    if (reader->is_hidden) {
        return source_excerpt_make(excerpt, CONFIG_HIDDEN, 1);
    }
    return source_excerpt_make(excerpt, reader->line, column);
}
