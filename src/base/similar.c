#include "base/similar.h"

#include <string.h>
#include <strings.h>

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: the usual table, of which three rows suffice. */
size_t similar_distance(const char *a, const char *b)
{
    size_t rows[3][SIMILAR_SIZE_MAX + 1];
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        const size_t *before = rows[(i + 1) % 3];
        const size_t *above = rows[(i - 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t cost = lower(a[i - 1]) != lower(b[j - 1]);
            row[j] =
                least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

/* A third of the name may differ: in short names that is one letter. */
void similar_begin(struct similar *similar, const char *wanted)
{
    size_t size = strlen(wanted);
    *similar = (struct similar){.wanted = wanted, .distance = 1 + size / 3};
    if (size >= 2 && size <= SIMILAR_SIZE_MAX) {
        similar->size = size;
    }
}

bool similar_consider(struct similar *similar, const char *name)
{
    if (similar->size == 0 || strlen(name) > SIMILAR_SIZE_MAX) {
        return false;
    }
    /* "api_key" is not close to "api_key_file", but clearly means it. */
    bool is_start = similar->size > 3 &&
                    strncasecmp(name, similar->wanted, similar->size) == 0;
    size_t distance = is_start ? 0 : similar_distance(similar->wanted, name);
    if (distance < similar->distance ||
        (similar->best == NULL && distance == similar->distance)) {
        similar->best = name;
        similar->distance = distance;
        return true;
    }
    return false;
}
