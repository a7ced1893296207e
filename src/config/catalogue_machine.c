/*
 * catalogue_machine.c - what is known about the codes of what is, or is not, on
 * this machine.
 */
#include "config/catalogue_parts.h"

const struct catalogue_entry catalogue_machine[] = {
    {
        .code = HP_API_KEY_MISSING,
        .title = "an API key is not here",
        .meaning = "The file, variable or credential that the configuration "
                   "names does not exist for this user. On the machine that "
                   "runs haplo-poll it may well be there, so this is a "
                   "warning; with --strict it is an error. `run` starts "
                   "without the key, and polls the queue as soon as it is "
                   "there.",
        .advice = "Create it, correct the path, or run the check as the user "
                  "that haplo-poll runs as.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: nowhere.key}\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_warning = true,
        .is_fragment = true,
    },
    {
        .code = HP_API_KEY_UNUSABLE,
        .title = "an API key cannot be used",
        .meaning = "The key is there, but its file can be read by others, or "
                   "its content cannot be a key: 16 to 256 letters, digits, "
                   "\"-\" and \"_\", in a single line.",
        .advice = "Run chmod 600, or copy the key again from the page of the "
                  "queue.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: short.key}\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_CREDENTIAL_NAME,
        .title = "not the name of a credential",
        .meaning = "api_key_credential is the name of a credential that "
                   "systemd passes on (LoadCredential=NAME:PATH), not its "
                   "path.",
        .advice = "Write the name, or use api_key_file for a path.",
        .wrong =
            "servers:\n"
            "  - name: example\n"
            "    url: https://example.ac.uk\n"
            "    queues:\n"
            "      - {name: student, api_key_credential: /etc/keys/student}\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_fragment = true,
    },
    {
        .code = HP_INPUT_FILE_MISSING,
        .title = "a file is not here",
        .meaning = "A file that the configuration names, such as a CA file or "
                   "a password, does not exist for this user. On the machine "
                   "that runs haplo-poll it may well be there, so this is a "
                   "warning; with --strict it is an error.",
        .advice = "Create it, correct the path, or run the check as the user "
                  "that haplo-poll runs as.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    tls_ca_file: nowhere.pem\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    tls_ca_file: ca.pem\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_warning = true,
        .is_fragment = true,
    },
    {
        .code = HP_INPUT_FILE_UNUSABLE,
        .title = "a file cannot be used",
        .meaning = "A file that the configuration names is not a regular file, "
                   "or holds a secret and can be read by others.",
        .advice = "Correct the path, or run chmod 600 on the file.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    tls_certificate_file: client.pem\n"
                 "    tls_key_file: open.key\n"
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
        .code = HP_PATH_UNUSABLE,
        .title = "a path cannot be written",
        .meaning = "What the configuration names as a file or folder to write "
                   "cannot be used as that: it is of the wrong kind, or its "
                   "file system is read-only.",
        .advice = "Correct the path, or mount the file system for writing.",
        .wrong = "state_dir: state\n"
                 "inbox: folder\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "state_dir: state\n"
                 "inbox: folder/inbox.db\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
    },
    {
        .code = HP_TLS_FILE_INVALID,
        .title = "a TLS file has the wrong content",
        .meaning = "The file is there, but holds no certificates in PEM "
                   "format, a private key that is encrypted, or a key that is "
                   "not that of the certificate.",
        .advice = "Convert the file to PEM, or name the right one.",
        .wrong = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    tls_ca_file: short.key\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .right = "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    tls_ca_file: ca.pem\n"
                 "    queues: [{name: student, api_key_file: student.key}]\n",
        .is_fragment = true,
    },
    {
        .code = HP_OUTLET_LACKS,
        .title = "an outlet lacks something on this machine",
        .meaning = "The outlet needs something that this user cannot use here, "
                   "such as the program of an exec outlet. It may be there "
                   "when haplo-poll runs, so this is a warning.",
        .advice = "Install the program, correct the path, or make it "
                  "executable.",
        .wrong = "outlets:\n"
                 "  - {name: load, type: exec, command: "
                 "[/usr/local/bin/no-such-program]}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .right = "outlets:\n"
                 "  - {name: load, type: exec, command: [/bin/cat]}\n"
                 "servers:\n"
                 "  - name: example\n"
                 "    url: https://example.ac.uk\n"
                 "    queues:\n"
                 "      - {name: student, api_key_file: student.key}\n",
        .is_warning = true,
        .is_fragment = true,
    },
    {
        .code = HP_PATH_MISSING,
        .title = "a folder is not here",
        .meaning = "The folder for an inbox, an outlet or state_dir does not "
                   "exist, or may not be written by this user. On the machine "
                   "that runs haplo-poll it may well be there, so this is a "
                   "warning; with --strict it is an error.",
        .advice = "Create the parent folder, correct the path, or run the "
                  "check as the user that haplo-poll runs as.",
        .wrong = "state_dir: nowhere/state\n"
                 "inbox: inbox.db\n"
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
        .is_warning = true,
    },
    {
        .code = HP_SECRET_MISSING,
        .title = "a secret of an outlet is not here",
        .meaning = "The environment variable or the credential that the "
                   "outlet names does not exist here. Where haplo-poll runs "
                   "it may well be there, so this is a warning; with --strict "
                   "it is an error. `run` does not start without it.",
        .advice = "Set it, correct its name, or run the check in the "
                  "environment that haplo-poll runs in.",
        .wrong = "outlets:\n"
                 "  - name: copy\n"
                 "    type: webhook\n"
                 "    url: https://crm.example.ac.uk/haplo\n"
                 "    token_env: CRM_TOKEN_THAT_IS_NOT_SET\n",
        .right = "outlets:\n"
                 "  - name: copy\n"
                 "    type: webhook\n"
                 "    url: https://crm.example.ac.uk/haplo\n"
                 "    token_file: staff.key\n",
        .is_warning = true,
        .is_fragment = true,
    },
    {.code = HP_NONE},
};
