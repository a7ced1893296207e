/*
 * command_hint.h - a command line that a message advises, to be copied into a
 * shell: with the configuration and the environment that the process itself
 * was started with, unless they are the defaults.
 *
 *     haplo-poll -c /srv/poll.yaml -e test outlet skip crm example/student
 */
#ifndef HAPLO_COMMAND_HINT_H
#define HAPLO_COMMAND_HINT_H

/* With the options of any but the longest paths: see command_hint_use(). */
#define COMMAND_HINT_SIZE 768
#define COMMAND_HINT_TEXT_SIZE 2048 /* of a paragraph with some of them */

/* What all hints have from now on. NULL: the default. To be called before
 * there are threads. A path that leaves no room for a message is shown as
 * FILE. */
void command_hint_use(const char *config_path, const char *environment);

/* Writes a command line of these words, as they are, and these arguments up to
 * NULL, quoted where a shell needs it. What does not fit is left out. Returns
 * text. */
const char *command_hint(char text[COMMAND_HINT_SIZE], const char *words, ...)
    __attribute__((sentinel));

/* A text whose commands between backquotes are to have these options as well,
 * but those that read no configuration: in buffer, or as it is if there is no
 * room for that. */
const char *command_hint_in(char buffer[COMMAND_HINT_TEXT_SIZE],
                            const char *text);

#endif
