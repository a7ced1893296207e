#include "daemon/text/source_reader.h"

#include <string.h>
#include <sys/stat.h>

#include "config/config_errors.h"
#include "daemon/text/source_secret.h"

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
    reader->is_in_secret = source_secret_is_in(line);
    reader->secret_indent = indent;
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
