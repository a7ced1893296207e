#include "daemon/commands.h"

#include <string.h>

#include "base/similar.h"
#include "daemon/command_line.h"
#include "daemon/help.h"

#define ARGUMENTS_MAX 100000 /* a shell has a limit of its own */

static const struct command_row rows[] = {
    {"run", "", 0, 0, command_run, "poll until SIGTERM or SIGINT"},
    {"once", "", 0, 0, command_once,
     "store and forward what is in all queues now, then exit"},
    {"check", "", 0, 0, command_check,
     "check the configuration, print what would run"},
    {"status", "", 0, 0, command_status,
     "what the running process does, and what needs attention"},
    {"pause", "QUEUE ...", 1, ARGUMENTS_MAX, command_pause,
     "fetch nothing more from these queues, until they are resumed; QUEUE is "
     "SERVER/QUEUE, SERVER for all of its queues, or a pattern"},
    {"resume", "QUEUE ...", 1, ARGUMENTS_MAX, command_pause, "end a pause"},
    {"poll-now", "QUEUE ...", 1, ARGUMENTS_MAX, command_pause,
     "poll these queues as soon as their server allows"},
    {"fleet", "", 0, 0, command_fleet,
     "the hosts that share the servers, as the database has them"},
    {"drain-host", "HOST", 1, 1, command_drain_host,
     "make a host hand over all of its servers; it gets none until --undo"},
    {"doctor", "", 0, 0, command_doctor,
     "examine servers, queues, inboxes and outlets; marks and sends nothing"},
    {"explain", "[CODE|SERVER/QUEUE|OUTLET]", 0, 1, command_explain,
     "what a code in an error means; or what a queue or an outlet does, why it "
     "does not work, and what would help"},
    {"peek", "SERVER/QUEUE", 1, 1, command_peek,
     "fetch one batch and show it; never marks it"},
    {"outlet retry|skip|dead-letter", "OUTLET SERVER/QUEUE", 2, 2,
     command_outlet, "release a queue that its first message blocks"},
    {"outlet test", "OUTLET", 1, 1, command_outlet_test,
     "send a test message through an outlet"},
    {"outlet forget", "OUTLET [INBOX]", 1, 2, command_outlet_forget,
     "remove what is stored of an outlet that is not configured any more"},
    {"dead-letters list", "[ARRIVAL]", 0, 1, command_dead_letters,
     "list what outlets have refused"},
    {"dead-letters show", "ARRIVAL", 1, 1, command_dead_letters,
     "show one message that was refused"},
    {"dead-letters replay", "[ARRIVAL]", 0, 1, command_dead_letters,
     "send what was refused again"},
    {"dead-letters purge", "[ARRIVAL]", 0, 1, command_dead_letters,
     "forget what was refused"},
    {"reload", "", 0, 0, command_reload,
     "make a running process read the configuration again, and print what has "
     "changed"},
    {"replay", "--outlet OUTLET --since TIME", 0, 0, command_replay,
     "send messages to an outlet again"},
    {"replay list", "", 0, 0, command_replay, "show replays"},
    {"replay stop", "NUMBER", 1, 1, command_replay, "stop a replay"},
    {"purge", "--object REF", 0, 0, command_purge,
     "erase messages about an object, and all copies that the inbox has of "
     "them"},
    {"inbox list", "", 0, 0, command_inbox_list,
     "how much is in the inboxes, and how far outlets have got"},
    {"inbox count", "", 0, 0, command_inbox_count,
     "how many messages there are of each queue"},
    {"inbox show", "ARRIVAL", 1, 1, command_inbox_show, "show one message"},
    {"inbox export", "", 0, 0, command_inbox_export,
     "print messages, one a line"},
    {"trace", "[ARRIVAL|ID]", 0, 1, command_trace,
     "tell what became of a message: when it was fetched, stored and marked, "
     "and what each outlet did with it"},
    {"inbox backup", "[INBOX] FILE", 1, 2, command_inbox_backup,
     "copy an inbox, even while it is in use"},
    {"inbox move", "FROM TO", 2, 2, command_inbox_move,
     "move everything from an SQLite inbox to a new one in a PostgreSQL "
     "database"},
    {"migrate", "[INBOX]", 0, 1, command_migrate,
     "create or upgrade the tables of an inbox in a PostgreSQL database"},
    {"version", "", 0, 0, command_version,
     "print the version, and the types of inboxes and outlets in this build"},
    {"help", "[config|COMMAND]", 0, 1, command_help,
     "print this, all options of the configuration, or what is about one "
     "command"},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* Words */

/* True if one of the alternatives in the first `size` characters, "retry|skip",
 * is this word. */
static bool word_is(const char *alternatives, size_t size, const char *word)
{
    size_t word_size = strlen(word);
    const char *end = alternatives + size;
    while (alternatives < end) {
        size_t length = strcspn(alternatives, "| ");
        if (length == word_size && memcmp(alternatives, word, length) == 0) {
            return true;
        }
        alternatives += length + 1;
    }
    return false;
}

/* How many words the row has, if these begin with all of them; otherwise 0. */
static int match(const struct command_row *row, int count, char *const *words)
{
    int matched = 0;
    for (const char *at = row->words; *at != '\0'; matched++) {
        size_t size = strcspn(at, " ");
        if (matched == count || !word_is(at, size, words[matched])) {
            return 0;
        }
        at += size;
        at += *at == ' ';
    }
    return matched;
}

/* Errors */

/* "inbox takes backup, list or show" */
static void print_choice(const char *first)
{
    char text[256];
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *rest = strchr(rows[i].words, ' ');
        if (rest == NULL ||
            !word_is(rows[i].words, strcspn(rows[i].words, " "), first)) {
            continue;
        }
        int added = snprintf(text + length, sizeof text - length, "%s%s",
                             length > 0 ? ", " : "", rest + 1);
        if (added < 0 || (size_t)added >= sizeof text - length) {
            break; /* enough to be helped */
        }
        length += (size_t)added;
    }
    char what[sizeof text + 64];
    snprintf(what, sizeof what, "%.32s takes one of these words: ", first);
    command_line_error(what, text);
}

/* "unknown command chekc: did you mean "check"?" */
static void print_suggestion(const char *first)
{
    char text[128];
    char word[32];
    char best[sizeof word] = "";
    struct similar similar;
    similar_begin(&similar, first);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(rows[i].words, " |"),
                 rows[i].words);
        if (similar_consider(&similar, word)) {
            memcpy(best, word, sizeof best);
        }
    }
    snprintf(text, sizeof text,
             best[0] != '\0' ? "%.32s: did you mean %s?" : "%.32s", first,
             best);
    command_line_error("unknown command ", text);
}

static void print_unknown(const char *first)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (word_is(rows[i].words, strcspn(rows[i].words, " "), first)) {
            print_choice(first);
            return;
        }
    }
    print_suggestion(first);
}

static bool check_count(const struct command_row *row, int count)
{
    char what[128];
    if (count >= row->argument_min && count <= row->argument_max) {
        return true;
    }
    snprintf(what, sizeof what, "%s takes ", row->words);
    command_line_error(what,
                       row->argument_max > 0 ? row->arguments : "no argument");
    return false;
}

/* The table */

const struct command_row *commands_find(int count, char *const *words,
                                        int *word_count)
{
    const struct command_row *found = NULL;
    *word_count = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        int matched = match(&rows[i], count, words);
        if (matched > *word_count) {
            found = &rows[i];
            *word_count = matched;
        }
    }
    if (found == NULL) {
        print_unknown(words[0]);
        return NULL;
    }
    return check_count(found, count - *word_count) ? found : NULL;
}

bool commands_among(const struct command_row *row, const char *list)
{
    while (*list != '\0') {
        size_t size = strcspn(list, ",");
        if (strncmp(row->words, list, size) == 0 &&
            (row->words[size] == '\0' || row->words[size] == ' ')) {
            return true;
        }
        list += size;
        list += strspn(list, ", ");
    }
    return false;
}

bool commands_list_begins(const char *list, const char *word)
{
    while (*list != '\0') {
        size_t size = strcspn(list, " ,");
        if (strlen(word) == size && memcmp(list, word, size) == 0) {
            return true;
        }
        list += strcspn(list, ",");
        list += strspn(list, ", ");
    }
    return false;
}

bool commands_print(FILE *out, const char *word)
{
    char heading[96];
    bool is_any = false;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct command_row *row = &rows[i];
        if (word != NULL &&
            !word_is(row->words, strcspn(row->words, " "), word)) {
            continue;
        }
        is_any = true;
        snprintf(heading, sizeof heading, "%s%s%s", row->words,
                 row->arguments[0] != '\0' ? " " : "", row->arguments);
        help_print_row(out, heading, row->help);
    }
    return is_any;
}
