/*
 * catalogue_file.c - what is known about the codes of the file as a whole.
 *
 * Examples are complete where that matters; otherwise state_dir, inbox and
 * servers are left out unless they are what the example is about.
 */
#include "config/catalogue_parts.h"

const struct catalogue_entry catalogue_file[] = {
    {
        .code = HP_NO_MEMORY,
        .title = "out of memory",
        .meaning = "There was not enough memory to read the configuration. "
                   "Nothing is known about the file itself.",
        .advice = "Look for what uses the memory, or raise the limit of the "
                  "service (MemoryMax=), and try again.",
    },
    {
        .code = HP_FILE_UNREADABLE,
        .title = "the configuration cannot be read",
        .meaning = "The configuration, or a file that it includes, does not "
                   "exist, is a folder, or may not be read by this user.",
        .advice = "Give the right path with --config, or let the user that "
                  "haplo-poll runs as read the file.",
    },
    {
        .code = HP_FILE_TOO_LARGE,
        .title = "the configuration is too large",
        .meaning = "A file of the configuration is larger than 256 MB, which "
                   "is enough for five million queues. It is probably the "
                   "wrong file.",
        .advice = "Give the right path, or split the file with include.",
    },
    {
        .code = HP_FILE_NOT_TEXT,
        .title = "the configuration is not text",
        .meaning = "The file contains bytes that are not UTF-8, or NUL "
                   "characters.",
        .advice = "Save the file as UTF-8. `iconv -f latin1 -t utf-8` converts "
                  "what was written in Latin-1.",
    },
    {
        .code = HP_YAML_SYNTAX,
        .title = "the file is not valid YAML",
        .meaning = "The file cannot be parsed, so nothing else is known about "
                   "it. The position is where the parser gave up; the mistake "
                   "is often in the line above.",
        .advice = "Look for a tab used as indentation, an opening quote or "
                  "bracket without its counterpart, a missing space after a "
                  "colon, and text that contains \": \" without quotes.",
        .wrong = "state_dir: state\n"
                 "inbox: inbox.db\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: \"https://example.ac.uk\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "state_dir: state\n"
                 "inbox: inbox.db\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: \"https://example.ac.uk\"\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
    },
    {
        .code = HP_SECOND_DOCUMENT,
        .title = "a second document begins",
        .meaning = "A line of three dashes begins another YAML document. Only "
                   "one can be the configuration, and which one is meant "
                   "cannot be known.",
        .advice = "Remove the line, or move one of the documents to a file of "
                  "its own.",
        .wrong = "state_dir: state\n"
                 "inbox: inbox.db\n"
                 "---\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "state_dir: state\n"
                 "inbox: inbox.db\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
    },
    {
        .code = HP_ANCHOR_TWICE,
        .title = "an anchor is defined twice",
        .meaning = "Two values have the same anchor (&NAME). An alias (*NAME) "
                   "could mean either.",
        .advice = "Give one of them another name.",
        .wrong = "defaults: &common {interval: 30s}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: &common https://example.ac.uk\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "defaults: &common {interval: 30s}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: &main https://example.ac.uk\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_ALIAS_UNDEFINED,
        .title = "an alias is not defined",
        .meaning = "An alias (*NAME) stands for a value that was given an "
                   "anchor (&NAME) above it. No such value is there. A text "
                   "that begins with an asterisk needs quotes.",
        .advice = "Define the anchor above, or put the text in quotes.",
        .wrong = "defaults:\n"
                 "  interval: *often\n",
        .right = "defaults:\n"
                 "  interval: 5m\n",
        .is_fragment = true,
    },
    {
        .code = HP_ALIAS_FLOOD,
        .title = "aliases stand for too many values",
        .meaning = "Aliases within aliases can make a short file stand for "
                   "billions of values. They are limited, so that a mistake "
                   "does not use up all memory.",
        .advice = "Write out large values, or use defaults.",
    },
    {
        .code = HP_FILE_EMPTY,
        .title = "the configuration is empty",
        .meaning = "The file has no content besides comments.",
        .advice = "Give it state_dir, inbox and servers. An example is "
                  "installed as "
                  "/usr/share/doc/haplo-poll/examples/haplo-poll.yaml.",
        .wrong = "# nothing yet\n",
        .right = "state_dir: state\n"
                 "inbox: inbox.db\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
    },
    {
        .code = HP_FILE_NOT_MAPPING,
        .title = "the configuration has no keys",
        .meaning = "The file is a list or a single value. The configuration is "
                   "a mapping of keys to values.",
        .advice = "Begin with the keys state_dir, inbox and servers, without a "
                  "dash or any indentation.",
        .wrong = "- state_dir: state\n",
        .right = "state_dir: state\n"
                 "inbox: inbox.db\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
    },
    {
        .code = HP_INCLUDE_UNREADABLE,
        .title = "an included file cannot be read",
        .meaning = "A path under include names a file that does not exist, is "
                   "no file, or may not be read by this user. A pattern that "
                   "matches nothing would be fine.",
        .advice = "Correct the path, which is relative to the folder of the "
                  "file that it is in, or let the user that haplo-poll runs "
                  "as read the file.",
        .wrong = "include: conf.d/live.yaml\n",
        .right = "include: conf.d/*.yaml\n",
        .is_fragment = true,
    },
    {
        .code = HP_INCLUDE_TWICE,
        .title = "a file is included twice",
        .meaning = "The file is part of the configuration already, maybe under "
                   "another path or because it includes itself. All that is in "
                   "it would be defined twice.",
        .advice = "Remove one of the two, or make a pattern stricter.",
    },
    {
        .code = HP_INCLUDE_LIMIT,
        .title = "too many files",
        .meaning = "Files include each other more than 8 levels deep, or there "
                   "are more than 10000 of them.",
        .advice = "Include them from the main file with a pattern, or write "
                  "several servers into one file.",
    },
    {
        .code = HP_ENVIRONMENT_UNKNOWN,
        .title = "the environment is not defined",
        .meaning = "The configuration has no environment with the name that "
                   "--environment or HAPLO_POLL_ENVIRONMENT gives. Nothing is "
                   "started, since without it everything would be as in the "
                   "main part of the configuration, which may be the live "
                   "installation.",
        .advice = "Correct the name, or add an entry with it under "
                  "environments.",
    },
    {.code = HP_NONE},
};
