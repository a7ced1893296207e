/*
 * codes.h - the codes of diagnostics. A code is printed as "HP" and four
 * digits, and never gets another meaning: scripts and searches rely on it.
 * `haplo-poll explain CODE` prints what catalogue.c knows about it.
 *
 * To add one, append it to its group, and write its entry in catalogue.c. Two
 * tests will ask for the rest: an example that is right about itself, and a
 * configuration in test/config that has it.
 */
#ifndef CONFIG_CODES_H
#define CONFIG_CODES_H

enum diagnostic_code {
    HP_NONE = 0,
    HP_NO_MEMORY = 1,

    /* The file as a whole */
    HP_FILE_UNREADABLE = 101,
    HP_FILE_TOO_LARGE = 102,
    HP_FILE_NOT_TEXT = 103,
    HP_YAML_SYNTAX = 104,
    HP_SECOND_DOCUMENT = 105,
    HP_ANCHOR_TWICE = 106,
    HP_ALIAS_UNDEFINED = 107,
    HP_ALIAS_FLOOD = 108,
    HP_FILE_EMPTY = 109,
    HP_FILE_NOT_MAPPING = 110,
    HP_INCLUDE_UNREADABLE = 111,
    HP_INCLUDE_TWICE = 112,
    HP_INCLUDE_LIMIT = 113,
    HP_ENVIRONMENT_UNKNOWN = 114,

    /* Keys */
    HP_KEY_UNKNOWN = 201,
    HP_KEY_MISPLACED = 202,
    HP_KEY_MERGE = 203,
    HP_KEY_TWICE = 204,
    HP_KEY_NOT_A_WORD = 205,
    HP_KEY_MISSING = 206,
    HP_SECRET_PASTED = 207,
    HP_KEY_OF_OTHER_TYPE = 208,
    HP_KEYS_EXCLUSIVE = 209,

    /* Values */
    HP_VALUE_SHAPE = 301,
    HP_ENTRY_SHAPE = 302,
    HP_VALUE_EMPTY = 303,
    HP_LIST_EMPTY = 304,
    HP_NOT_A_BOOLEAN = 305,
    HP_NOT_A_CHOICE = 306,
    HP_NOT_A_COUNT = 307,
    HP_NOT_A_DURATION = 308,
    HP_NOT_A_SIZE = 309,
    HP_OUT_OF_RANGE = 310,
    HP_VALUE_REFUSED = 311,
    HP_NAME_INVALID = 312,
    HP_URL_REFUSED = 313,
    HP_TYPE_UNKNOWN = 314,
    HP_TYPE_NOT_BUILT = 315,

    /* What fits together */
    HP_NAME_TWICE = 401,
    HP_PATH_TWICE = 402,
    HP_INBOX_UNKNOWN = 403,
    HP_INBOX_AMBIGUOUS = 404,
    HP_PATTERN_INVALID = 405,
    HP_PATTERN_MATCHES_NOTHING = 406,
    HP_QUEUE_TWICE = 407,
    HP_LIMITS_CROSSED = 408,
    HP_OPTION_WITHOUT_EFFECT = 409,
    HP_TOKEN_PATTERN_MISSING = 410,
    HP_TLS_KEY_ALONE = 411,
    HP_OUTLET_CONTRADICTORY = 412,
    HP_KEY_OF_QUEUE_MISSING = 413,
    HP_OVERRIDE_UNKNOWN = 414,
    HP_OVERRIDE_KEEPS_KEY = 415,
    HP_COORDINATION_INBOX = 416,
    HP_COORDINATION_OUTLET = 417,
    HP_FLEET_TTL_SHORT = 418,

    /* The rules of an outlet */
    HP_WHEN_KEY = 501,
    HP_WHEN_VALUE = 502,
    HP_WHEN_EMPTY = 503,

    /* What is on this machine */
    HP_API_KEY_MISSING = 601,
    HP_API_KEY_UNUSABLE = 602,
    HP_CREDENTIAL_NAME = 603,
    HP_INPUT_FILE_MISSING = 604,
    HP_INPUT_FILE_UNUSABLE = 605,
    HP_PATH_UNUSABLE = 606,
    HP_TLS_FILE_INVALID = 607,
    HP_OUTLET_LACKS = 608,
    HP_PATH_MISSING = 609,
    HP_SECRET_MISSING = 610,

    /* What `doctor` finds out about a server and its queues; the first ones
     * are the errors of the library */
    HP_SERVER_UNRESOLVED = 701,
    HP_SERVER_UNREACHABLE = 702,
    HP_SERVER_SILENT = 703,
    HP_SERVER_TLS = 704,
    HP_SERVER_RESET = 705,
    HP_SERVER_PROXY = 706,
    HP_SERVER_REDIRECTS = 707,
    HP_SERVER_NOT_FOUND = 708,
    HP_SERVER_ERROR = 709,
    HP_SERVER_STATUS = 710,
    HP_SERVER_PROTOCOL = 711,
    HP_SERVER_LIMITED = 712,
    HP_QUEUE_KEY_REFUSED = 720,
    HP_QUEUE_THROTTLED = 721,
    HP_QUEUE_CONTENT = 722,
    HP_QUEUE_DOCUMENT = 723,
    HP_QUEUE_TOO_BIG = 724,
    HP_QUEUE_CACHED = 725,
    HP_QUEUE_FAILED = 726,
    HP_CERTIFICATE_EXPIRES = 730,
    HP_LOGINS_SPARED = 731,

    /* What it finds out about inboxes and outlets */
    HP_INBOX_UNUSABLE = 801,
    HP_OUTLET_UNREACHABLE = 802,
    HP_FLEET_UNUSABLE = 803,
    HP_FLEET_SLOW = 804
};

#endif
