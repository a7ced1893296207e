#include "daemon/json_text.h"

#include <stdio.h>

void json_text_print(const char *name, const char *text)
{
    printf("\"%s\":\"", name);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ') {
            printf("\\u%04x", (unsigned)c);
        } else if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}
