#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char folder[32]; /* "": not made yet */

uint8_t input_byte(struct fuzz_input *input)
{
    if (input->size == 0) {
        return 0;
    }
    input->size--;
    return *input->at++;
}

uint32_t input_number(struct fuzz_input *input)
{
    uint32_t number = 0;
    for (int i = 0; i < 4; i++) {
        number = number << 8 | input_byte(input);
    }
    return number;
}

char *input_line(struct fuzz_input *input)
{
    const void *end =
        input->size > 0 ? memchr(input->at, '\n', input->size) : NULL;
    size_t size =
        end != NULL ? (size_t)((const uint8_t *)end - input->at) : input->size;
    char *line = malloc(size + 1);
    FUZZ_CHECK(line != NULL);
    if (size > 0) {
        memcpy(line, input->at, size);
    }
    line[size] = '\0';
    size += end != NULL;
    input->at += size;
    input->size -= size;
    return line;
}

char *input_rest(struct fuzz_input *input, size_t *size)
{
    /* malloc(0) may be NULL. */
    char *rest = malloc(input->size > 0 ? input->size : 1);
    FUZZ_CHECK(rest != NULL);
    if (input->size > 0) {
        memcpy(rest, input->at, input->size);
    }
    *size = input->size;
    input->at += input->size;
    input->size = 0;
    return rest;
}

uint32_t random_next(uint32_t *state)
{
    uint32_t x = *state != 0 ? *state : 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

/* The size of the UTF-8 character at text, 0 if there is none or if it is a
 * control character. */
static size_t character_size(const unsigned char *text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = text[0] < 0x80             ? 1
                  : (text[0] & 0xE0) == 0xC0 ? 2
                  : (text[0] & 0xF0) == 0xE0 ? 3
                  : (text[0] & 0xF8) == 0xF0 ? 4
                                             : 0;
    if (size < 2) {
        return size == 1 && text[0] >= 0x20 && text[0] != 0x7F ? 1 : 0;
    }
    uint32_t point = text[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
        point = point << 6 | (text[i] & 0x3Fu);
    }
    bool is_character = point >= least[size] && point <= 0x10FFFF &&
                        (point < 0xD800 || point > 0xDFFF) && point >= 0xA0;
    return is_character ? size : 0;
}

void check_line(const char *text, size_t text_size)
{
    FUZZ_CHECK(strnlen(text, text_size) < text_size);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t size = character_size(at);
        FUZZ_CHECK(size > 0);
        at += size;
    }
}

static void folder_remove(void)
{
    DIR *open = opendir(folder);
    if (open == NULL) {
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(open)) != NULL) {
        (void)unlinkat(dirfd(open), entry->d_name, 0);
    }
    closedir(open);
    (void)rmdir(folder);
}

static bool folder_make(const char *pattern)
{
    (void)snprintf(folder, sizeof folder, "%s", pattern);
    return mkdtemp(folder) != NULL;
}

const char *folder_path(void)
{
    if (folder[0] == '\0') {
        FUZZ_CHECK(folder_make("/dev/shm/haplo-fuzz.XXXXXX") ||
                   folder_make("/tmp/haplo-fuzz.XXXXXX"));
        FUZZ_CHECK(atexit(folder_remove) == 0);
    }
    return folder;
}

void file_write(const char *name, const void *data, size_t size)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder_path(), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0);
    FUZZ_CHECK(write(fd, data, size) == (ssize_t)size);
    FUZZ_CHECK(close(fd) == 0);
}
