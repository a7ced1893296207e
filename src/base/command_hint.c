#include "base/command_hint.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM "haplo-poll"
#define OPTIONS_SIZE 384 /* of " -c FILE -e NAME", quoted */

static char options[OPTIONS_SIZE]; /* "": the defaults */

/* Text that grows up to a limit; what does not fit is left out whole. */
struct hint {
    char *text;   /* borrowed */
    size_t size;  /* bytes in it */
    size_t limit; /* at most, with the NUL */
};

static void put(struct hint *hint, const char *bytes, size_t size)
{
    if (size < hint->limit - hint->size) {
        memcpy(hint->text + hint->size, bytes, size);
        hint->size += size;
        hint->text[hint->size] = '\0';
    }
}

static int is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";
    return word[0] != '\0' && word[strspn(word, plain)] == '\0';
}

/* As one word of a shell: within single quotes, only those are special. */
static void put_word(struct hint *hint, const char *word)
{
    put(hint, " ", 1);
    if (is_plain(word)) {
        put(hint, word, strlen(word));
        return;
    }
    put(hint, "'", 1);
    while (*word != '\0') {
        size_t size = strcspn(word, "'");
        put(hint, word, size);
        word += size;
        if (*word == '\'') {
            put(hint, "'\\''", 4);
            word++;
        }
    }
    put(hint, "'", 1);
}

/* The most that a word takes when it is quoted. */
static size_t quoted_size(const char *word)
{
    size_t size = strlen(word) + 2;
    for (const char *at = word; *at != '\0'; at++) {
        size += *at == '\'' ? 3 : 0;
    }
    return size;
}

static void put_option(struct hint *hint, const char *option, const char *value,
                       const char *placeholder)
{
    if (value == NULL) {
        return;
    }
    put(hint, option, strlen(option));
    put_word(hint, quoted_size(value) < OPTIONS_SIZE / 2 - strlen(option) - 1
                       ? value
                       : placeholder);
}

void command_hint_use(const char *config_path, const char *environment)
{
    struct hint hint = {options, 0, sizeof options};
    options[0] = '\0';
    put_option(&hint, " -c", config_path, "FILE");
    put_option(&hint, " -e", environment, "NAME");
}

const char *command_hint(char text[COMMAND_HINT_SIZE], const char *words, ...)
{
    struct hint hint = {text, 0, COMMAND_HINT_SIZE};
    const char *word;
    va_list arguments;
    put(&hint, PROGRAM, sizeof PROGRAM - 1);
    put(&hint, options, strlen(options));
    put(&hint, " ", 1);
    put(&hint, words, strlen(words));
    va_start(arguments, words);
    while ((word = va_arg(arguments, const char *)) != NULL) {
        put_word(&hint, word);
    }
    va_end(arguments);
    return text;
}

/* True for a command that needs no configuration. */
static bool is_about_itself(const char *words)
{
    static const char *const commands[] = {"help", "version", "explain HP"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strncmp(words, commands[i], strlen(commands[i])) == 0) {
            return true;
        }
    }
    return false;
}

const char *command_hint_in(char buffer[COMMAND_HINT_TEXT_SIZE],
                            const char *text)
{
    static const char begin[] = "`" PROGRAM " ";
    struct hint hint = {buffer, 0, COMMAND_HINT_TEXT_SIZE};
    const char *from = text;
    size_t size = 0;
    for (const char *at; (at = strstr(from, begin)) != NULL;) {
        const char *words = at + sizeof begin - 1;
        size_t added = is_about_itself(words) ? 0 : strlen(options);
        put(&hint, from, (size_t)(words - 1 - from));
        put(&hint, options, added);
        size += (size_t)(words - 1 - from) + added;
        from = words - 1;
    }
    put(&hint, from, strlen(from));
    return hint.size == size + strlen(from) ? buffer : text;
}
