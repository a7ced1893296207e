#include "outlets/ndjson.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Updates the state for a byte c of a string. */
static void string_step(struct ndjson *ndjson, char c)
{
    if (ndjson->is_escaped) {
        ndjson->is_escaped = false;
    } else if (c == '\\') {
        ndjson->is_escaped = true;
    } else if (c == '"') {
        ndjson->in_string = false;
    }
}

size_t ndjson_pack(struct ndjson *ndjson, const char *in, size_t size,
                   char *out)
{
    size_t out_size = 0;

    for (size_t i = 0; i < size; i++) {
        char c = in[i];

        if (ndjson->in_string) {
            string_step(ndjson, c);
        } else if (is_space(c)) {
            continue;
        } else {
            ndjson->in_string = c == '"';
        }
        out[out_size++] = c;
    }
    return out_size;
}
