/*
 * doctor_report.h - what `doctor` has found out, and how it is printed.
 */
#ifndef DAEMON_DOCTOR_REPORT_H
#define DAEMON_DOCTOR_REPORT_H

#include <stdbool.h>

#include "config/catalogue.h"
#include "config/list.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/terminal.h"

struct doctor_finding {
    enum diagnostic_code code; /* HP_NONE: all is well */
    bool is_warning;           /* nothing is broken */
    char *subject;             /* owned: "queue example/student" */
    char *text;                /* owned: one line */
};

struct doctor_report {
    struct list findings;    /* struct doctor_finding */
    size_t error_count;      /* that are broken */
    size_t warning_count;    /* that will be */
    size_t unexamined_count; /* queues of which nothing was found out */
    bool is_out_of_memory;   /* a finding is missing */
};

void doctor_report_init(struct doctor_report *report);
void doctor_report_free(struct doctor_report *report);

void doctor_report_add(struct doctor_report *report, enum diagnostic_code code,
                       const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A line for each; below what is wrong, what to do about it. */
void doctor_report_print(const struct doctor_report *report,
                         const struct terminal *terminal);

/* Writes an object: the numbers, and the list of findings. */
void doctor_report_write(const struct doctor_report *report,
                         struct json_writer *json);

#endif
