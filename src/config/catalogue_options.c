/*
 * catalogue_options.c - what is known about the codes of keys and values.
 */
#include "config/catalogue_parts.h"

const struct catalogue_entry catalogue_options[] = {
    {
        .code = HP_KEY_UNKNOWN,
        .title = "unknown option",
        .meaning = "No option has this name. An option that is ignored because "
                   "of a typing error would be worse, so it is an error.",
        .advice = "Correct the name. `haplo-poll help config` lists all "
                  "options.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    intervall: 5m\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 5m\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_KEY_MISPLACED,
        .title = "an option is in the wrong place",
        .meaning = "The option exists, but not at this level of the file. "
                   "Indentation decides what a key belongs to.",
        .advice = "Move it to where it belongs; what a queue has may also be "
                  "set at its server or in defaults.",
        .wrong = "interval: 5m\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "defaults: {interval: 5m}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_KEY_MERGE,
        .title = "merge keys are not supported",
        .meaning = "The merge key << of YAML 1.1 is not supported: what it "
                   "overrides is hard to see.",
        .advice = "Put what servers and queues have in common in defaults.",
        .wrong = "servers:\n"
                 "  - <<: {interval: 5m}\n"
                 "    name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "defaults: {interval: 5m}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_KEY_TWICE,
        .title = "an option is given twice",
        .meaning = "The same mapping has the key twice. YAML would silently "
                   "take the last one.",
        .advice = "Remove one of them; for the rules of an outlet, write all "
                  "values of the key as one list.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 5m\n"
                 "    interval: 10m\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 10m\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_KEY_NOT_A_WORD,
        .title = "a key is not a plain word",
        .meaning = "A list or a mapping is used as a key.",
        .advice = "Write KEY: VALUE. A text that begins with a bracket or a "
                  "question mark needs quotes.",
        .wrong = "defaults:\n"
                 "  ? [interval]\n"
                 "  : 5m\n",
        .right = "defaults:\n"
                 "  interval: 5m\n",
        .is_fragment = true,
    },
    {
        .code = HP_KEY_MISSING,
        .title = "a required option is missing",
        .meaning = "The option has no default, so it must be given.",
        .advice = "Add it. `haplo-poll help config` says what it is for.",
        .wrong = "inbox: inbox.db\n"
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
        .code = HP_SECRET_PASTED,
        .title = "an API key is written in the file",
        .meaning = "What is written here looks like an API key. The "
                   "configuration only says where keys are, because it is "
                   "copied, versioned and shown in tickets. The key is not "
                   "shown in any message.",
        .advice = "Write the key to a file that only haplo-poll can read "
                  "(chmod 600) and give its path to api_key_file. If the file "
                  "with the key has been shared, have an administrator replace "
                  "the key.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - name: student\n"
                 "        api_key_file: "
                 "Kq3-x0123456789abcdefghijklmnopqrstuvwxyzABC\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_KEY_OF_OTHER_TYPE,
        .title = "an option of another type",
        .meaning = "Inboxes and outlets have a type, and this option belongs "
                   "to a different one.",
        .advice = "Remove the option, or correct the type.",
        .wrong = "outlets:\n"
                 "  - {name: copy, type: stdout, path: out}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "outlets:\n"
                 "  - {name: copy, type: files, path: out}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_KEYS_EXCLUSIVE,
        .title = "two options exclude each other",
        .meaning = "Two options say the same thing in two ways, and only one "
                   "of them can be right.",
        .advice = "Keep one of them.",
        .wrong = "inbox: inbox.db\n"
                 "inboxes:\n"
                 "  - {name: main, type: sqlite, path: main.db}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "inboxes:\n"
                 "  - {name: main, type: sqlite, path: main.db}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_VALUE_SHAPE,
        .title = "a value has the wrong shape",
        .meaning = "The option takes one value, a list or a mapping, and was "
                   "given another of these.",
        .advice = "Write one value as KEY: VALUE, and a list as KEY: [ONE, "
                  "TWO].",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: [5m]\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 5m\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_ENTRY_SHAPE,
        .title = "an entry of a list has the wrong shape",
        .meaning = "Each entry of this list must be a mapping, or a single "
                   "value.",
        .advice = "Begin each server, queue, inbox and outlet with \"- name: "
                  "NAME\", and write its other keys below, with the same "
                  "indentation.",
        .wrong = "servers:\n"
                 "  - example\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_VALUE_EMPTY,
        .title = "an option has no value",
        .meaning = "The key is there, but nothing is behind it.",
        .advice = "Write a value, or remove the key to get the default.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval:\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 5m\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_LIST_EMPTY,
        .title = "a list is empty",
        .meaning = "A list must have at least one entry: servers, the queues "
                   "of a server, and inboxes are needed to do anything at all.",
        .advice = "Add an entry, or remove what has no entries.",
        .wrong =
            "servers:\n"
            "  - {name: example, url: \"https://example.ac.uk\", queues: []}\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_NOT_A_BOOLEAN,
        .title = "not true or false",
        .meaning = "The option is either on or off. Only true and false are "
                   "accepted: what yes, on and 1 mean depends on the version "
                   "of YAML.",
        .advice = "Write true or false.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    allow_http: yes\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    allow_http: true\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_NOT_A_CHOICE,
        .title = "not one of the possible values",
        .meaning = "The option has a fixed set of values.",
        .advice = "Write one of those that the message lists.",
        .wrong = "outlets:\n"
                 "  - {name: copy, type: stdout, on_refused: skip}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "outlets:\n"
                 "  - {name: copy, type: stdout, on_refused: dead_letter}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_NOT_A_COUNT,
        .title = "not a number",
        .meaning = "The option takes a whole number.",
        .advice = "Write digits only.",
        .wrong = "in_flight_max: many\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "in_flight_max: 100\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_NOT_A_DURATION,
        .title = "not a duration",
        .meaning = "A duration is a number with a unit. A number alone could "
                   "be seconds or milliseconds.",
        .advice = "Write it with its unit: 250ms, 30s, 5m, 1h or 1d.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 60\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 60s\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_NOT_A_SIZE,
        .title = "not a size",
        .meaning = "A size is a number of bytes, or a number with a unit.",
        .advice = "Write it like 512K, 64M or 1G: powers of 1024, and no B.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    max_body: 64MB\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    max_body: 64M\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_OUT_OF_RANGE,
        .title = "a value is out of range",
        .meaning = "The value is well-formed, but smaller or larger than what "
                   "the option allows.",
        .advice = "Choose a value in the range that the message gives.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 0s\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 10s\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_VALUE_REFUSED,
        .title = "a value is not what the option needs",
        .meaning = "The option has rules for its value, such as those of a "
                   "JSON pointer, a content type or a URL, and this value does "
                   "not follow them.",
        .advice = "The message says which rule, and gives an example.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    token_pointer: token\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    token_pointer: /token\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_NAME_INVALID,
        .title = "a name is not possible",
        .meaning = "Names of servers, queues, inboxes and outlets appear in "
                   "URLs, logs and names of files. So they have no slashes, "
                   "blanks or control characters.",
        .advice = "Choose another name; a queue has the name that it has on "
                  "the server.",
        .wrong = "servers:\n"
                 "  - name: example/live\n"
                 "    url: https://example.ac.uk\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example-live\n"
                 "    url: https://example.ac.uk\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_URL_REFUSED,
        .title = "keys would cross the network unencrypted",
        .meaning = "With http:// the API key and all messages could be read on "
                   "the way. http is accepted for this machine only "
                   "(localhost, 127.0.0.1, ::1).",
        .advice = "Write https://. If the network between haplo-poll and the "
                  "server is trusted, set allow_http: true at the server.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: http://example.ac.uk\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_TYPE_UNKNOWN,
        .title = "unknown type",
        .meaning = "No kind of inbox or outlet has this name.",
        .advice = "Write one of the types that `haplo-poll version` lists.",
        .wrong = "inboxes:\n"
                 "  - {name: main, type: sqllite, path: main.db}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "inboxes:\n"
                 "  - {name: main, type: sqlite, path: main.db}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_TYPE_NOT_BUILT,
        .title = "a type is not part of this build",
        .meaning = "This haplo-poll was built without the library that the "
                   "type needs.",
        .advice = "Install a package of haplo-poll that has the type "
                  "(`haplo-poll version` lists what is there), or install the "
                  "library that the message names and build it again.",
    },
    {.code = HP_NONE},
};
