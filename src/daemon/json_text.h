/*
 * json_text.h - prints strings as JSON.
 */
#ifndef DAEMON_JSON_TEXT_H
#define DAEMON_JSON_TEXT_H

/* Prints "NAME":"TEXT" on standard output. TEXT must be valid UTF-8. */
void json_text_print(const char *name, const char *text);

#endif
