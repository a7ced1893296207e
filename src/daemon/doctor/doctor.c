/*
 * doctor.c - examines what a configuration names: servers, queues, inboxes and
 * outlets. Nothing is marked, stored or sent.
 */
#include "daemon/doctor/doctor.h"

#include <stdio.h>

#include "daemon/abandon.h"
#include "daemon/doctor/doctor_fleet.h"
#include "daemon/doctor/doctor_servers.h"
#include "daemon/doctor/doctor_stores.h"
#include "daemon/log/log.h"
#include "daemon/text/output.h"

static int report_show(const struct doctor_report *report, bool is_json)
{
    struct json_writer json = {0};
    struct terminal terminal;
    if (!is_json) {
        terminal_init(&terminal, stdout);
        doctor_report_print(report, &terminal);
        return output_flush();
    }
    doctor_report_write(report, &json);
    json_end_line(&json);
    int error = json_writer_print(&json, stdout);
    json_writer_free(&json);
    return error;
}

enum exit_code doctor_run(const struct config *config, bool is_json)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    struct doctor_report report;
    struct abandon abandon = {.is_done = false};
    enum exit_code code = EXIT_CODE_FAILED;
    doctor_report_init(&report);
    if (doctor_servers(config, &report, &abandon, why, sizeof why) != 0) {
        log_line(LOG_LEVEL_ERROR, "%s", why);
    } else {
        doctor_inboxes(config, &report);
        doctor_outlets(config, &report);
        doctor_fleet(config, &report);
        if (report_show(&report, is_json) == 0 && report.error_count == 0 &&
            !report.is_out_of_memory) {
            code = EXIT_CODE_FINE;
        }
    }
    doctor_report_free(&report);
    return abandon_exit(&abandon, code);
}
