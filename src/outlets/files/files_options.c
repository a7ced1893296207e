#include "outlets/files/files_options.h"

#include "base/reason.h"
#include "haplopoll.h"
#include "outlets/files/csv.h"

int files_options_check(const void *data, char *why, size_t why_size)
{
    const struct files_options *options = data;
    bool is_csv = options->format == FILES_CSV;

    if (is_csv == (options->columns != NULL)) {
        return 0;
    }
    return reason_write(why, why_size, HAPLO_EINVAL,
                        is_csv ? "columns is missing: format: csv needs them"
                               : "columns: these are for format: csv: add "
                                 "that, or remove them");
}

const struct option_row files_option_rows[FILES_OPTION_COUNT] = {
    {
        .name = "path",
        .value = OPTION_FOLDER,
        .offset = offsetof(struct files_options, path),
        .help = "The folder for the files, see haplo-files(5). It is made if "
                "its parent folder is there. One outlet at a time may use it.",
    },
    {
        .name = "format",
        .value = OPTION_CHOICE,
        .choices = "ndjson csv",
        .fallback = "ndjson",
        .offset = offsetof(struct files_options, format),
        .help = "What a message becomes: a line of JSON, or a row with "
                "columns.",
    },
    {
        .name = "columns",
        .value = OPTION_TEXT_LIST,
        .fallback = "none",
        .offset = offsetof(struct files_options, columns),
        .check = csv_column_check,
        .help = "The columns of format: csv, each as NAME=POINTER: a JSON "
                "pointer into the message, or one of server, queue, arrival, "
                "id, received_at, replay.",
    },
    {
        .name = "formulas",
        .value = OPTION_CHOICE,
        .choices = "exact escaped",
        .fallback = "exact",
        .offset = offsetof(struct files_options, formulas),
        .help = "What becomes of strings that a spreadsheet would take for a "
                "formula. If they are escaped, an apostrophe precedes them.",
    },
    {
        .name = "per",
        .value = OPTION_CHOICE,
        .choices = "batch message",
        .fallback = "batch",
        .offset = offsetof(struct files_options, per),
        .help = "What a file holds: the messages that were fetched together, "
                "or one message.",
    },
    {
        .name = "folders",
        .value = OPTION_CHOICE,
        .choices = "none date",
        .fallback = "none",
        .offset = offsetof(struct files_options, folders),
        .help = "Whether there is a folder for each day below that of the "
                "queue.",
    },
    {
        .name = "gzip",
        .value = OPTION_BOOL,
        .fallback = "false",
        .offset = offsetof(struct files_options, is_gzip),
        .help = "Whether files are compressed.",
    },
};
