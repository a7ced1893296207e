#include "base/key_shape.h"

#include <string.h>

#include "haplopoll.h"

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define KEY_CHARACTERS UPPER LOWER DIGITS "-_"

/* Keys of Haplo are 44 random letters and digits. Names of files and variables
 * are rarely as long, or a mix of upper case, lower case and digits. */
static bool is_like(const char *text, size_t size)
{
    bool has_upper = false;
    bool has_lower = false;
    bool has_digit = false;
    for (size_t i = 0; i < size; i++) {
        has_upper = has_upper || strchr(UPPER, text[i]) != NULL;
        has_lower = has_lower || strchr(LOWER, text[i]) != NULL;
        has_digit = has_digit || strchr(DIGITS, text[i]) != NULL;
    }
    return size >= 40 ||
           (size >= HAPLO_KEY_SIZE_MIN && has_upper && has_lower && has_digit);
}

bool api_key_is_like(const char *text)
{
    size_t size = strlen(text);
    return strspn(text, KEY_CHARACTERS) == size && is_like(text, size);
}

bool api_key_is_part(const char *text)
{
    while (*text != '\0') {
        size_t size = strspn(text, KEY_CHARACTERS);
        if (is_like(text, size)) {
            return true;
        }
        text += size;
        text += strcspn(text, KEY_CHARACTERS);
    }
    return false;
}

const char *api_key_hide(const char *path)
{
    const char *slash = strrchr(path, '/');
    return api_key_is_like(slash != NULL ? slash + 1 : path) ? API_KEY_HIDDEN
                                                             : path;
}
