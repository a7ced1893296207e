#include "outlets/exec/exec_verdict.h"

#include <stdio.h>
#include <string.h>

/* From sysexits.h, and from what shells report. */
#define EXIT_REFUSED 65 /* EX_DATAERR */
#define EXIT_CONFIG 78  /* EX_CONFIG */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

#define WHAT_SIZE 96 /* "was killed by signal 9 (Killed)" */

/* The system lacks something for the moment; the command is as it should be. */
static bool is_lack(int error)
{
    return error == UV_EAGAIN || error == UV_ENOMEM || error == UV_EMFILE ||
           error == UV_ENFILE;
}

static enum outlet_verdict not_started(const struct exec_result *result,
                                       const struct exec_command *command,
                                       struct reason *why)
{
    const char *program = command->arguments[0];
    int error = result->start_error;

    if (is_lack(error)) {
        (void)reason_set(why, 0,
                         "%s: cannot be started: %s: free memory, or raise the "
                         "limits of processes and open files",
                         program, uv_strerror(error));
        return OUTLET_RETRY;
    }
    (void)reason_set(
        why, 0, "%s: cannot be started%s%s: %s: %s", program,
        result->is_folder_at_fault ? " in " : "",
        result->is_folder_at_fault ? command->folder : "", uv_strerror(error),
        result->is_folder_at_fault ? "correct folder"
        : error == UV_EACCES       ? "make it executable for this user"
                             : "install it, and the interpreter that its first "
                               "line names, or correct command");
    return OUTLET_BROKEN;
}

static enum outlet_verdict verdict_of(const struct exec_result *result)
{
    if (result->stop != EXEC_NOT_STOPPED || result->signal != 0) {
        return OUTLET_RETRY;
    }
    switch (result->status) {
    case 0:
        return OUTLET_DELIVERED;
    case EXIT_REFUSED:
        return OUTLET_REFUSED;
    case EXIT_CONFIG:
    case EXIT_NOT_EXECUTABLE:
    case EXIT_NOT_FOUND:
        return OUTLET_BROKEN;
    default:
        return OUTLET_RETRY;
    }
}

/* A program that is told to end may exit with 0 and leave work undone, so its
 * status does not count then. */
static void what_write(char what[WHAT_SIZE], const struct exec_result *result)
{
    int status = (int)result->status;

    if (result->stop == EXEC_TIME_LIMIT) {
        (void)snprintf(what, WHAT_SIZE, "exceeded time_limit and was ended");
    } else if (result->stop == EXEC_CLOSING) {
        (void)snprintf(what, WHAT_SIZE, "was ended, because haplo-poll stops");
    } else if (result->signal != 0) {
        (void)snprintf(what, WHAT_SIZE, "was killed by signal %d (%s)",
                       result->signal, strsignal(result->signal));
    } else {
        (void)snprintf(what, WHAT_SIZE, "%s (exit status %d)",
                       status == EXIT_REFUSED          ? "refused the data"
                       : status == EXIT_CONFIG         ? "is misconfigured"
                       : status == EXIT_NOT_EXECUTABLE ? "cannot be executed"
                       : status == EXIT_NOT_FOUND ? "did not find a program"
                                                  : "failed",
                       status);
    }
}

enum outlet_verdict exec_verdict(const struct exec_result *result,
                                 const struct exec_command *command,
                                 struct reason *why)
{
    char tail[EXEC_TAIL_TEXT_SIZE];
    char what[WHAT_SIZE];
    enum outlet_verdict verdict = verdict_of(result);

    if (result->start_error != 0) {
        return not_started(result, command, why);
    }
    if (verdict == OUTLET_DELIVERED) {
        why->text[0] = '\0';
        return verdict;
    }
    what_write(what, result);
    (void)exec_tail_text(&result->tail, tail);
    (void)reason_set(why, 0, "%s: %s%s%s", command->arguments[0], what,
                     tail[0] != '\0' ? ": " : "", tail);
    return verdict;
}
