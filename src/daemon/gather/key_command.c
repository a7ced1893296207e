#include "daemon/gather/key_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/container_of.h"
#include "base/key_shape.h"
#include "base/reason.h"
#include "outlets/exec/exec_environment.h"

#define OUTPUT_SIZE 4096 /* more than a key; a larger write fails */
#define GRACE_MS 1000    /* between SIGTERM and SIGKILL */
#define WHAT_SIZE 96     /* "was killed by signal 9 (Killed)" */
#define CREDENTIALS "CREDENTIALS_DIRECTORY"

/* Starting */

/* Sealed, so that nothing a command writes takes more memory than this. */
static int output_open(int *error)
{
    int fd = memfd_create("api_key", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && (ftruncate(fd, OUTPUT_SIZE) != 0 ||
                    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0)) {
        *error = uv_translate_sys_error(errno);
        close(fd);
        return -1;
    }
    *error = fd < 0 ? uv_translate_sys_error(errno) : 0;
    return fd;
}

static void on_run_done(struct exec_run *run)
{
    struct key_command *command = container_of(run, struct key_command, run);
    command->done_cb(command);
}

void key_command_start(struct key_command *command, uv_loop_t *loop,
                       const char *const *words, uint64_t time_limit_ms,
                       key_command_cb done_cb)
{
    char credentials[PATH_MAX];
    char *environment[EXEC_INHERITED_COUNT + 2];
    const char *folder = getenv(CREDENTIALS);
    size_t count = exec_environment_inherited(environment);
    if (folder != NULL) {
        snprintf(credentials, sizeof credentials, CREDENTIALS "=%s", folder);
        environment[count++] = credentials;
    }
    environment[count] = NULL;
    command->command = (struct exec_command){.arguments = words,
                                             .folder = "/",
                                             .time_limit_ms = time_limit_ms,
                                             .grace_ms = GRACE_MS};
    command->done_cb = done_cb;
    command->output = output_open(&command->output_error);
    exec_run_start(&command->run, loop, &command->command, environment, -1,
                   command->output, on_run_done);
}

void key_command_stop(struct key_command *command)
{
    exec_run_close(&command->run);
}

/* What it has printed */

/* The command wrote with the same offset, so it says how much. */
static size_t output_take(int fd, char text[OUTPUT_SIZE + 1])
{
    static const char zeros[OUTPUT_SIZE];
    off_t end = lseek(fd, 0, SEEK_CUR);
    ssize_t size = end > 0 ? pread(fd, text, OUTPUT_SIZE, 0) : 0;
    (void)!pwrite(fd, zeros, sizeof zeros, 0); /* wiped with the file, too */
    close(fd);
    size = size > end ? end : size;
    text[size < 0 ? 0 : size] = '\0';
    return size < 0 ? 0 : (size_t)size;
}

static int key_check(char text[OUTPUT_SIZE + 1], size_t size, char *why,
                     size_t why_size)
{
    char reason[HAPLO_TEXT_SIZE_MAX];
    if (size == 0) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "printed nothing, or much more than an API key");
    }
    if (size > API_KEY_SIZE) { /* with a newline */
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "printed more than an API key: it must print the "
                            "key and nothing else");
    }
    if (text[size - 1] == '\n') {
        text[--size] = '\0';
    }
    if (strlen(text) != size ||
        haplo_api_key_check(text, reason, sizeof reason) != 0) {
        return reason_write(
            why, why_size, HAPLO_EINVAL, "printed no API key: %s",
            strlen(text) != size ? "it contains a NUL byte" : reason);
    }
    return 0;
}

/* Why it failed */

/* Replaces the words that look like a key, since some programs print what they
 * should not. */
static void hide_keys(char *text)
{
    for (char *word = text; *word != '\0';) {
        size_t size = strcspn(word, " =:'\"");
        char end = word[size];
        word[size] = '\0';
        if (api_key_is_like(word)) {
            memset(word, '*', size);
        }
        word[size] = end;
        word += size + (end != '\0');
    }
}

static void what_write(char what[WHAT_SIZE], const struct exec_result *result)
{
    if (result->start_error != 0) {
        snprintf(what, WHAT_SIZE, "cannot be started: %s",
                 uv_strerror(result->start_error));
    } else if (result->stop == EXEC_TIME_LIMIT) {
        snprintf(what, WHAT_SIZE,
                 "exceeded api_key_command_timeout and was ended");
    } else if (result->stop == EXEC_CLOSING) {
        snprintf(what, WHAT_SIZE, "was ended, because haplo-poll stops");
    } else if (result->signal != 0) {
        snprintf(what, WHAT_SIZE, "was killed by signal %d (%s)",
                 result->signal, strsignal(result->signal));
    } else {
        snprintf(what, WHAT_SIZE, "failed (exit status %d)",
                 (int)result->status);
    }
}

static int explain(const struct exec_result *result, const char *output,
                   char *why, size_t why_size)
{
    char what[WHAT_SIZE];
    char tail[EXEC_TAIL_TEXT_SIZE];
    (void)exec_tail_text(&result->tail, tail);
    if (output[0] != '\0' && strstr(tail, output) != NULL) {
        tail[0] = '\0';
    }
    hide_keys(tail);
    what_write(what, result);
    return reason_write(why, why_size,
                        result->start_error == UV_ENOMEM ? HAPLO_ENOMEM
                                                         : HAPLO_EINVAL,
                        "%s%s%s", what, tail[0] != '\0' ? ": " : "", tail);
}

int key_command_take(struct key_command *command, struct api_key *key,
                     char *why, size_t why_size)
{
    char text[OUTPUT_SIZE + 1] = "";
    const struct exec_result *result = &command->run.result;
    int error;
    key->revealed[0] = '\0';
    if (command->output < 0) {
        return reason_write(why, why_size, HAPLO_ENOMEM,
                            "cannot be given a file for its output: %s",
                            uv_strerror(command->output_error));
    }
    size_t size = output_take(command->output, text);
    if (result->start_error != 0 || result->stop != EXEC_NOT_STOPPED ||
        result->signal != 0 || result->status != 0) {
        error = explain(result, text, why, why_size);
    } else {
        error = key_check(text, size, why, why_size);
    }
    if (error == 0) {
        memcpy(key->revealed, text, strlen(text) + 1);
    }
    explicit_bzero(text, sizeof text);
    explicit_bzero(&command->run.result.tail, sizeof result->tail);
    return error;
}
