/*
 * catalogue_sense.c - what is known about the codes of what does not fit
 * together, and of the rules of outlets.
 */
#include "config/catalogue_parts.h"

const struct catalogue_entry catalogue_sense[] = {
    {
        .code = HP_NAME_TWICE,
        .title = "a name is used twice",
        .meaning = "Two servers, two queues of a server, two inboxes or two "
                   "outlets have the same name. Progress and logs could not "
                   "tell them apart.",
        .advice = "Rename one of them.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n"
                 "      - {name: student, api_key_file: staff.key}\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n"
                 "      - {name: staff, api_key_file: staff.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_PATH_TWICE,
        .title = "a path is used twice",
        .meaning = "Two inboxes or outlets, or one of them and state_dir, "
                   "would write to the same place, perhaps through a symbolic "
                   "link.",
        .advice = "Give each its own path.",
        .wrong = "outlets:\n"
                 "  - {name: first, type: files, path: out}\n"
                 "  - {name: second, type: files, path: ./out}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "outlets:\n"
                 "  - {name: first, type: files, path: out/first}\n"
                 "  - {name: second, type: files, path: out/second}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_INBOX_UNKNOWN,
        .title = "unknown inbox",
        .meaning = "A queue, a server, defaults or an outlet names an inbox "
                   "that the file does not define.",
        .advice = "Correct the name, or add the inbox to inboxes.",
        .wrong = "inboxes:\n"
                 "  - {name: main, type: sqlite, path: main.db}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    inbox: mian\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "inboxes:\n"
                 "  - {name: main, type: sqlite, path: main.db}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    inbox: main\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_INBOX_AMBIGUOUS,
        .title = "which inbox is meant is not clear",
        .meaning = "There are several inboxes, and this queue or outlet does "
                   "not say which one it uses.",
        .advice = "Add \"inbox: NAME\" to it, to its server, or to defaults.",
        .wrong = "inboxes:\n"
                 "  - {name: one, type: sqlite, path: one.db}\n"
                 "  - {name: two, type: sqlite, path: two.db}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "inboxes:\n"
                 "  - {name: one, type: sqlite, path: one.db}\n"
                 "  - {name: two, type: sqlite, path: two.db}\n"
                 "defaults: {inbox: one}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_PATTERN_INVALID,
        .title = "not a pattern for queues",
        .meaning = "The queues of an outlet are patterns that have the form "
                   "SERVER/QUEUE.",
        .advice = "Write both parts. \"*/*\" stands for all queues, "
                  "\"example/*\" for those of one server.",
        .wrong = "outlets:\n"
                 "  - {name: copy, type: stdout, queues: [student]}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "outlets:\n"
                 "  - {name: copy, type: stdout, queues: [\"*/student\"]}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_PATTERN_MATCHES_NOTHING,
        .title = "a pattern matches no queue",
        .meaning = "No queue of the configuration has such a name, so the "
                   "outlet would never forward anything because of it.",
        .advice = "Correct the pattern, add the queue, or remove the pattern.",
        .wrong = "outlets:\n"
                 "  - {name: copy, type: stdout, queues: [example/studnet]}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "outlets:\n"
                 "  - {name: copy, type: stdout, queues: [example/student]}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_QUEUE_TWICE,
        .title = "a queue is polled twice",
        .meaning = "Two servers of the configuration have the same URL and a "
                   "queue of the same name. Each would mark messages that the "
                   "other one has not stored.",
        .advice = "Remove one of them. If different outlets are to have the "
                  "messages, list the queue in each outlet instead.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n"
                 "  - name: same\n"
                 "    url: https://EXAMPLE.ac.uk:443\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n"
                 "  - name: other\n"
                 "    url: https://other.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_LIMITS_CROSSED,
        .title = "a maximum is below its minimum",
        .meaning = "The longest wait is shorter than the first one, so one of "
                   "them has no effect.",
        .advice = "Raise the one or lower the other. One of them may be a "
                  "default, or come from the server or from defaults.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 10m\n"
                 "    interval_max: 1m\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    interval: 10m\n"
                 "    interval_max: 1h\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_OPTION_WITHOUT_EFFECT,
        .title = "an option has no effect without another one",
        .meaning = "Pointers are for the format json, and patterns for the "
                   "format raw. The queue sets one that its format does not "
                   "use. Or `fleet` is there without `coordination`.",
        .advice = "Remove it, or set the option that it belongs to.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - name: student\n"
                 "        api_key_file: student.key\n"
                 "        token_pattern: \"<token>([^<]+)</token>\"\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - name: student\n"
                 "        api_key_file: student.key\n"
                 "        format: raw\n"
                 "        token_pattern: \"<token>([^<]+)</token>\"\n",
        .is_fragment = true,
    },
    {
        .code = HP_TOKEN_PATTERN_MISSING,
        .title = "the format raw needs a token_pattern",
        .meaning = "With the format raw the whole body is one message, and "
                   "only token_pattern finds the token in it. Without the "
                   "token nothing can be marked, and the same messages would "
                   "come for ever.",
        .advice = "Add token_pattern: a regular expression with one group that "
                  "is the token.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - name: student\n"
                 "        api_key_file: student.key\n"
                 "        format: raw\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - name: student\n"
                 "        api_key_file: student.key\n"
                 "        format: raw\n"
                 "        token_pattern: \"<token>([^<]+)</token>\"\n",
        .is_fragment = true,
    },
    {
        .code = HP_TLS_KEY_ALONE,
        .title = "a private key without its certificate",
        .meaning = "tls_key_file is the key of the certificate in "
                   "tls_certificate_file, which is not given.",
        .advice = "Add tls_certificate_file, or remove tls_key_file.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    tls_key_file: client.key\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    tls_certificate_file: client.pem\n"
                 "    tls_key_file: client.key\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_OUTLET_CONTRADICTORY,
        .title = "options of an outlet contradict each other",
        .meaning = "Each option of the outlet is valid, but not together with "
                   "another one.",
        .advice = "The message says which, and what to change.",
        .wrong = "outlets:\n"
                 "  - {name: copy, type: files, path: out, columns: [id=/id]}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "outlets:\n"
                 "  - {name: copy, type: files, path: out, format: csv, "
                 "columns: [id=/id]}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_KEY_OF_QUEUE_MISSING,
        .title = "a queue has no API key",
        .meaning = "Each request is authenticated with the key of its queue. "
                   "Neither the queue nor its server says where that is.",
        .advice = "Add api_key_file, api_key_env, api_key_credential or "
                  "api_key_command to the queue, or to the server if one key "
                  "is valid for all of its queues.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student}\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_OVERRIDE_UNKNOWN,
        .title = "an environment overrides nothing",
        .meaning = "An entry of the environment has the name of an inbox, an "
                   "outlet, a server or a queue that does not exist outside of "
                   "environments. What was meant would stay as it is in the "
                   "main part, which may be the live installation.",
        .advice = "Correct the name, or define it outside of environments.",
    },
    {
        .code = HP_OVERRIDE_KEEPS_KEY,
        .title = "an environment has another URL but the same key",
        .meaning = "The environment gives a server another URL, and no other "
                   "API key. The key of one server would be sent to another.",
        .advice = "Give the server or the queue its key in the environment as "
                  "well. If it really is the same, repeat it there.",
    },
    {
        .code = HP_COORDINATION_INBOX,
        .title = "an inbox that several hosts cannot share",
        .meaning = "With coordination, several hosts poll the servers of this "
                   "file, and one replaces another. An SQLite file would be a "
                   "different one on each host: a takeover would split the "
                   "messages and states of a queue between them.",
        .advice = "Use an inbox of the type postgres, or remove coordination. "
                  "What is in an SQLite inbox can be moved: see docs/fleet.md.",
        .wrong = "coordination: postgres\n"
                 "inboxes:\n"
                 "  - {name: main, type: sqlite, path: main.db}\n",
        .right = "coordination: postgres\n"
                 "inboxes:\n"
                 "  - {name: main, type: postgres, conninfo: "
                 "\"host=db dbname=haplo\"}\n",
        .is_fragment = true,
    },
    {
        .code = HP_COORDINATION_OUTLET,
        .title = "an outlet that belongs to one host",
        .meaning = "With coordination, each host forwards the messages of the "
                   "servers that it polls. An outlet that writes files, or to "
                   "standard output, would leave a part of them on each host.",
        .advice = "Use an outlet that reaches the same destination from all "
                  "hosts, such as webhook, kafka or nats; or remove "
                  "coordination.",
        .wrong = "coordination: postgres\n"
                 "inboxes:\n"
                 "  - {name: main, type: postgres, conninfo: "
                 "\"host=db dbname=haplo\"}\n"
                 "outlets:\n"
                 "  - {name: copy, type: files, path: out}\n",
        .right = "coordination: postgres\n"
                 "inboxes:\n"
                 "  - {name: main, type: postgres, conninfo: "
                 "\"host=db dbname=haplo\"}\n"
                 "outlets:\n"
                 "  - {name: copy, type: webhook, url: "
                 "\"https://sits.example.ac.uk/haplo\"}\n",
        .is_fragment = true,
    },
    {
        .code = HP_FLEET_TTL_SHORT,
        .title = "a membership ends before it is renewed",
        .meaning = "A host keeps its servers for `ttl` after it was last heard "
                   "of, and says every `renewal` that it is alive. If one or "
                   "two of these fail, as when the database restarts, the "
                   "servers must not move.",
        .advice = "Let ttl be at least three times renewal, or leave out "
                  "renewal: then it is a sixth of ttl.",
        .wrong = "coordination: postgres\n"
                 "fleet: {ttl: 10s, renewal: 5s}\n"
                 "inboxes:\n"
                 "  - {name: main, type: postgres, conninfo: "
                 "\"host=db dbname=haplo\"}\n",
        .right = "coordination: postgres\n"
                 "fleet: {ttl: 30s, renewal: 5s}\n"
                 "inboxes:\n"
                 "  - {name: main, type: postgres, conninfo: "
                 "\"host=db dbname=haplo\"}\n",
        .is_fragment = true,
    },
    {
        .code = HP_WHEN_KEY,
        .title = "a rule has an invalid key",
        .meaning = "The keys of `when` are JSON pointers, such as "
                   "/object/type, or one of a few short forms.",
        .advice = "Begin it with a slash, or write one of the short forms that "
                  "haplo-poll.yaml(5) lists.",
        .wrong = "outlets:\n"
                 "  - name: copy\n"
                 "    type: stdout\n"
                 "    when: {workTyp: \"x:thesis\"}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "outlets:\n"
                 "  - name: copy\n"
                 "    type: stdout\n"
                 "    when: {workType: \"x:thesis\"}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_WHEN_VALUE,
        .title = "a rule has an invalid value",
        .meaning = "A test of `when` has one value, or a list of values that "
                   "are alternatives. Each is a text with wildcards, a number, "
                   "true, false or null.",
        .advice = "Write one value, or a list of values. Write null for what "
                  "must be missing.",
        .wrong = "outlets:\n"
                 "  - name: copy\n"
                 "    type: stdout\n"
                 "    when: {/state: {is: open}}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "outlets:\n"
                 "  - name: copy\n"
                 "    type: stdout\n"
                 "    when: {/state: open}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_WHEN_EMPTY,
        .title = "a rule is empty",
        .meaning = "An alternative without tests would match every message, "
                   "and a test without values none.",
        .advice = "Add what is missing, or remove `when` to forward "
                  "everything.",
        .wrong = "outlets:\n"
                 "  - name: copy\n"
                 "    type: stdout\n"
                 "    when: {}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "outlets:\n"
                 "  - name: copy\n"
                 "    type: stdout\n"
                 "    when: {/state: open}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {.code = HP_NONE},
};
