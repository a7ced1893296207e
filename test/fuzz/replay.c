/*
 * Feeds a target the inputs that are kept, corpus/NAME for the program
 * test_fuzz_NAME; or the files that are given, as those of a crash. A trap, a
 * sanitizer or valgrind reports errors.
 *
 * A corpus is one file: each input is a line with its size, and its bytes.
 */
#include <string.h>

#include "fuzz.h"

#define INPUT_SIZE_MAX (1 << 20)

static void input_feed(const char *bytes, size_t size)
{
    /* A block of just that size, so that reading past its end is noticed. */
    struct fuzz_input input = {(const uint8_t *)bytes, size};
    char *exact = input_rest(&input, &size);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)exact, size);
    free(exact);
}

static FILE *file_open(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void file_feed(const char *path, char *buffer)
{
    FILE *file = file_open(path);
    input_feed(buffer, fread(buffer, 1, INPUT_SIZE_MAX, file));
    (void)fclose(file);
}

/* Returns how many there were; 0 if the file is not what it should be. */
static int corpus_feed(const char *name, char *buffer)
{
    char path[256];
    size_t size;
    int count = 0;
    (void)snprintf(path, sizeof path, "test/fuzz/corpus/%s", name);
    FILE *file = file_open(path);
    while (fscanf(file, "%zu", &size) == 1) {
        if (size > INPUT_SIZE_MAX || fgetc(file) != '\n' ||
            fread(buffer, 1, size, file) != size) {
            fprintf(stderr, "%s: input %d is cut\n", path, count + 1);
            count = 0;
            break;
        }
        input_feed(buffer, size);
        count++;
    }
    (void)fclose(file);
    return count;
}

int main(int argument_count, char **arguments)
{
    static char buffer[INPUT_SIZE_MAX];
    const char *name = strstr(arguments[0], "test_fuzz_");
    for (int i = 1; i < argument_count; i++) {
        file_feed(arguments[i], buffer);
    }
    if (argument_count > 1 || name == NULL) {
        return argument_count > 1 ? 0 : 1;
    }
    int count = corpus_feed(name + strlen("test_fuzz_"), buffer);
    printf("%s 1 - %d inputs\n1..1\n", count > 0 ? "ok" : "not ok", count);
    return count > 0 ? 0 : 1;
}
