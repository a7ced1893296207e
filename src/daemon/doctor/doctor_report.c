#include "daemon/doctor/doctor_report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/command_hint.h"

#define WIDTH 79  /* columns of a line of advice */
#define INDENT 10 /* columns before it */

void doctor_report_init(struct doctor_report *report)
{
    *report = (struct doctor_report){.findings.item_size =
                                         sizeof(struct doctor_finding)};
}

void doctor_report_free(struct doctor_report *report)
{
    for (size_t i = 0; i < report->findings.count; i++) {
        struct doctor_finding *finding = list_at(&report->findings, i);
        free(finding->subject);
        free(finding->text);
    }
    list_free(&report->findings);
}

void doctor_report_add(struct doctor_report *report, enum diagnostic_code code,
                       const char *subject, const char *format, ...)
{
    const struct catalogue_entry *entry = catalogue_find(code);
    struct doctor_finding finding = {
        .code = code,
        .is_warning = entry != NULL && entry->is_warning,
        .subject = strdup(subject),
    };
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&finding.text, format, arguments) < 0) {
        finding.text = NULL;
    }
    va_end(arguments);
    struct doctor_finding *added =
        finding.subject != NULL && finding.text != NULL
            ? list_add(&report->findings)
            : NULL;
    report->error_count += code != HP_NONE && !finding.is_warning;
    report->warning_count += finding.is_warning;
    if (added == NULL) {
        free(finding.subject);
        free(finding.text);
        report->is_out_of_memory = true;
        return;
    }
    *added = finding;
}

/* For people */

/* What to do, broken into lines. */
static void print_advice(const char *text, FILE *out)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (column == 0 || column + 1 + size > WIDTH) {
            fprintf(out, "%s%*s", column == 0 ? "" : "\n", INDENT, "");
            column = INDENT;
        } else {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)size, text);
        column += size;
        text += size + strspn(text + size, " ");
    }
    fputc('\n', out);
}

static void print_finding(const struct doctor_finding *finding,
                          const struct terminal *terminal)
{
    char code[CODE_TEXT_SIZE];
    char advice[COMMAND_HINT_TEXT_SIZE];
    const struct catalogue_entry *entry = catalogue_find(finding->code);
    enum terminal_style style = entry == NULL         ? TERMINAL_GOOD
                                : finding->is_warning ? TERMINAL_WARNING
                                                      : TERMINAL_BAD;
    fprintf(terminal->out, "%s%-8s%s %s: %s", terminal_begin(terminal, style),
            entry == NULL         ? "ok"
            : finding->is_warning ? "warning"
                                  : "error",
            terminal_end(terminal, style), finding->subject, finding->text);
    if (entry == NULL) {
        fputc('\n', terminal->out);
        return;
    }
    fprintf(terminal->out, " [%s]\n", code_format(finding->code, code));
    print_advice(command_hint_in(advice, entry->advice), terminal->out);
}

void doctor_report_print(const struct doctor_report *report,
                         const struct terminal *terminal)
{
    for (size_t i = 0; i < report->findings.count; i++) {
        print_finding(list_at(&report->findings, i), terminal);
    }
    fprintf(terminal->out, "errors: %zu, warnings: %zu", report->error_count,
            report->warning_count);
    if (report->unexamined_count > 0) {
        fprintf(terminal->out, ", queues not examined: %zu",
                report->unexamined_count);
    }
    fputc('\n', terminal->out);
}

/* For scripts */

static void write_finding(const struct doctor_finding *finding,
                          struct json_writer *json)
{
    char code[CODE_TEXT_SIZE];
    char advice[COMMAND_HINT_TEXT_SIZE];
    const struct catalogue_entry *entry = catalogue_find(finding->code);
    json_object(json, NULL);
    json_text(json, "severity",
              entry == NULL         ? "ok"
              : finding->is_warning ? "warning"
                                    : "error");
    json_text(json, "subject", finding->subject);
    json_text(json, "text", finding->text);
    if (entry != NULL) {
        json_text(json, "code", code_format(finding->code, code));
        json_text(json, "advice", command_hint_in(advice, entry->advice));
    }
    json_object_end(json);
}

void doctor_report_write(const struct doctor_report *report,
                         struct json_writer *json)
{
    json_object(json, NULL);
    json_count(json, "errors", report->error_count);
    json_count(json, "warnings", report->warning_count);
    json_count(json, "queues_not_examined", report->unexamined_count);
    json_array(json, "findings");
    for (size_t i = 0; i < report->findings.count; i++) {
        write_finding(list_at(&report->findings, i), json);
    }
    json_array_end(json);
    json_object_end(json);
}
