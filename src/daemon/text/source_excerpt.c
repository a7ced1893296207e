#include "daemon/text/source_excerpt.h"

#include <stdint.h>
#include <string.h>

#include "config/config_errors.h"
#include "daemon/text/source_secret.h"

/* A piece of the line: a character, or something hidden. */
struct piece {
    const char *text; /* what is shown; not NUL-terminated */
    size_t size;      /* of text */
    size_t width;     /* columns that it takes */
};

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
        secret = secret == NULL ? source_secret_value(line, at) : secret;
        size_t size = at == secret ? strlen(at) : source_secret_size(line, at);
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
