/*
 * doctor_stores.c - examines inboxes and outlets:
 *
 *   - An inbox is opened for reading, as `dead-letters list` does, even while
 *     another process stores into it. A file that does not exist yet is fine.
 *   - Of an outlet that sends to other machines, each address is connected to,
 *     or that of its proxy; nothing is sent. One of several suffices.
 *   - Of any other outlet nothing is known beyond what `check` looks at.
 */
#include "daemon/doctor/doctor_stores.h"

#include <string.h>
#include <sys/stat.h>

#include "config/config_options.h"
#include "daemon/doctor/tcp_probe.h"
#include "inbox/inbox_view.h"

#define SUBJECT_SIZE (HAPLO_NAME_SIZE_MAX + 16)

/* The value of an option that is a text, or NULL. */
static const char *text_of(const struct option_table *table,
                           const void *options, const char *name)
{
    const struct option_row *row = option_table_find(table, name);
    if (row == NULL || row->value == OPTION_TEXT_LIST) {
        return NULL;
    }
    const void *value = (const char *)options + row->offset;
    return *(const char *const *)value;
}

static const char *const *list_of(const struct option_table *table,
                                  const void *options, const char *name)
{
    const struct option_row *row = option_table_find(table, name);
    if (row == NULL || row->value != OPTION_TEXT_LIST) {
        return NULL;
    }
    const void *value = (const char *)options + row->offset;
    return *(const char *const *const *)value;
}

/* Inboxes */

static void examine_inbox(const struct config_inbox *inbox,
                          struct doctor_report *report)
{
    char subject[SUBJECT_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    struct stat status;
    uint64_t first = 0;
    uint64_t last = 0;
    const struct inbox_view view = {.first = &first, .last = &last};
    const struct option_table table = {inbox->type->options,
                                       inbox->type->option_count};
    const char *path = text_of(&table, inbox->options, "path");
    snprintf(subject, sizeof subject, "inbox %s", inbox->name);
    if (path != NULL && stat(path, &status) != 0) {
        doctor_report_add(report, HP_NONE, subject,
                          "%s does not exist yet: it is created when it is "
                          "first used",
                          path);
    } else if (inbox->type->view == NULL) {
        doctor_report_add(report, HP_NONE, subject, "of the type %s",
                          inbox->type->name);
    } else if (inbox_view(inbox->type, inbox->options, &view, why,
                          sizeof why) != 0) {
        doctor_report_add(report, HP_INBOX_UNUSABLE, subject, "%s", why);
    } else {
        doctor_report_add(report, HP_NONE, subject, "it can be read");
    }
}

void doctor_inboxes(const struct config *config, struct doctor_report *report)
{
    for (size_t i = 0; i < config->inbox_count; i++) {
        examine_inbox(&config->inboxes[i], report);
    }
}

/* Outlets */

/* What an outlet connects to. */
struct destination {
    const char *option;       /* its addresses: one text, or a list */
    const char *default_port; /* where an address has none */
};

static const struct destination destinations[] = {
    {"url", NULL}, {"brokers", "9092"}, {"urls", "4222"}};

/* Tries addresses until one accepts a connection. */
static void examine_addresses(const char *const *addresses,
                              const char *default_port, const char *subject,
                              struct doctor_report *report)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    char host[TCP_PROBE_NAME_SIZE];
    for (; *addresses != NULL; addresses++) {
        if (tcp_probe(*addresses, default_port, host, why, sizeof why) == 0) {
            doctor_report_add(report, HP_NONE, subject,
                              "%s accepts connections", host);
            return;
        }
    }
    doctor_report_add(report, HP_OUTLET_UNREACHABLE, subject, "%s", why);
}

static void examine_outlet(const struct config_outlet *outlet,
                           struct doctor_report *report)
{
    char subject[SUBJECT_SIZE];
    const struct forwarder_options *forward = &outlet->forward;
    const struct option_table table = {forward->type->options,
                                       forward->type->option_count};
    const void *options = forward->type_options;
    const char *proxy = text_of(&table, options, "proxy");
    snprintf(subject, sizeof subject, "outlet %s", forward->name);
    for (size_t i = 0; i < sizeof destinations / sizeof destinations[0]; i++) {
        const char *option = destinations[i].option;
        const char *one[2] = {text_of(&table, options, option), NULL};
        const char *const *several = list_of(&table, options, option);
        if (one[0] != NULL && proxy != NULL) {
            one[0] = proxy;
        }
        if (one[0] != NULL || several != NULL) {
            examine_addresses(several != NULL ? several : one,
                              destinations[i].default_port, subject, report);
            return;
        }
    }
    doctor_report_add(report, HP_NONE, subject,
                      "of the type %s, which connects to nothing",
                      forward->type->name);
}

void doctor_outlets(const struct config *config, struct doctor_report *report)
{
    for (size_t i = 0; i < config->outlet_count; i++) {
        examine_outlet(&config->outlets[i], report);
    }
}
