#include "daemon/doctor/doctor_certificates.h"

#define SOON_DAYS 30 /* before it expires, that is worth a warning */
#define DAY_MS INT64_C(86400000)
#define TEXT_SIZE 32

/* Whole days; negative: it has expired. */
static int64_t days_left(uint64_t expires_ms, uint64_t now_ms)
{
    int64_t left_ms = (int64_t)expires_ms - (int64_t)now_ms;
    return left_ms < 0 ? -1 - (-1 - left_ms) / DAY_MS : left_ms / DAY_MS;
}

static bool is_soon(uint64_t expires_ms, uint64_t now_ms)
{
    return expires_ms != 0 && days_left(expires_ms, now_ms) < SOON_DAYS;
}

/* "is valid for 10 days", "expired 2 days ago". */
static const char *validity_text(uint64_t expires_ms, uint64_t now_ms,
                                 char text[TEXT_SIZE])
{
    int64_t days = days_left(expires_ms, now_ms);
    int64_t count = days < 0 ? -days - 1 : days;
    (void)snprintf(text, TEXT_SIZE,
                   days < 0 ? "expired %lld day%s ago"
                            : "is valid for %lld day%s",
                   (long long)count, count == 1 ? "" : "s");
    return text;
}

void doctor_certificates(const struct config_server *server,
                         const struct haplo_server_stats *stats,
                         uint64_t now_ms, const char *subject,
                         struct doctor_report *report)
{
    const uint64_t own_ms = stats->certificate_expires_ms;
    const uint64_t ca_ms = stats->ca_certificate_expires_ms;
    const uint64_t client_ms = stats->client_certificate_expires_ms;
    const char *ca_file = server->options.tls_ca_file;
    char text[TEXT_SIZE];
    if (own_ms != 0) {
        doctor_report_add(
            report, is_soon(own_ms, now_ms) ? HP_CERTIFICATE_EXPIRES : HP_NONE,
            subject, "its certificate %s", validity_text(own_ms, now_ms, text));
    }
    if (is_soon(ca_ms, now_ms)) {
        doctor_report_add(
            report, HP_CERTIFICATE_EXPIRES, subject,
            "the CA certificate in %s with which it is verified %s",
            ca_file != NULL ? ca_file : "the system's CA file",
            validity_text(ca_ms, now_ms, text));
    }
    if (client_ms != 0) {
        doctor_report_add(report,
                          is_soon(client_ms, now_ms) ? HP_CERTIFICATE_EXPIRES
                                                     : HP_NONE,
                          subject, "the client certificate %s %s",
                          server->options.tls_certificate_file,
                          validity_text(client_ms, now_ms, text));
    }
}
