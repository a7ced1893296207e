#include "sim/spoil.h"

#include <stdio.h>
#include <string.h>

#define STATUS_LINE_BYTES 13 /* "HTTP/1.1 200 " shows the status */

static void response_replace(struct sim_response *response, int status,
                             const char *content_type)
{
    sim_response_free(response);
    *response = (struct sim_response){0};
    sim_response_simple(response, status, content_type);
}

static void replace_status(const struct sim_fault *fault,
                           struct sim_response *response)
{
    response_replace(response, (int)fault->code, "text/html; charset=utf-8");
    response->frame_options = false;
    response->retry_after =
        fault->retry_after[0] == '\0' ? NULL : fault->retry_after;
    sim_buffer_format(&response->body,
                      "<html><body><h1>%d</h1><p>(from a proxy)</p></body>"
                      "</html>",
                      response->status);
}

static void replace_html(struct sim_response *response)
{
    response_replace(response, 200, "text/html; charset=utf-8");
    sim_buffer_text(&response->body,
                    "<!DOCTYPE html>\n<html><head><title>Maintenance</title>"
                    "</head><body><p>Back soon.</p></body></html>\n");
}

static void replace_redirect(const struct sim_fault *fault,
                             struct sim_response *response)
{
    response_replace(response, 302, "text/html; charset=utf-8");
    snprintf(response->location, sizeof response->location, "%s", fault->to);
    sim_buffer_text(&response->body, "<html><body>moved</body></html>");
}

/* A fetch response that is valid apart from its size. */
static void replace_huge(const struct sim_fault *fault,
                         struct sim_response *response)
{
    static const char head[] =
        "{\n  \"version\": 0,\n  \"token\": \"MQ==\",\n  \"messages\": [\n"
        "    {\n      \"id\": 1,\n      \"text\": \"";
    static const char tail[] = "\"\n    }\n  ]\n}";
    size_t frame = sizeof head + sizeof tail - 2;
    size_t filling = fault->size > frame ? (size_t)fault->size - frame : 0;
    response_replace(response, 200, "application/json");
    sim_buffer_text(&response->body, head);
    memset(sim_buffer_reserve(&response->body, filling + 1), 'x', filling);
    response->body.size += filling;
    sim_buffer_text(&response->body, tail);
}

/* Replaces the first occurrence of `from` in the body. A mark response has
 * none; its body becomes one whose count is not a number. */
static void body_replace(struct sim_buffer *body, const char *from,
                         const char *to)
{
    struct sim_buffer changed = {0};
    char *at = body->size == 0
                   ? NULL
                   : memmem(body->bytes, body->size, from, strlen(from));
    if (at == NULL) {
        body->size = 0;
        sim_buffer_text(body, "{\"markedCount\":\"many\"}");
        return;
    }
    char *rest = at + strlen(from);
    sim_buffer_add(&changed, body->bytes, (size_t)(at - body->bytes));
    sim_buffer_text(&changed, to);
    sim_buffer_add(&changed, rest, (size_t)(body->bytes + body->size - rest));
    sim_buffer_free(body);
    *body = changed;
}

void sim_spoil_response(const struct sim_fault *fault,
                        struct sim_response *response)
{
    switch (fault->kind) {
    case SIM_FAULT_STATUS:
        replace_status(fault, response);
        break;
    case SIM_FAULT_HTML:
        replace_html(response);
        break;
    case SIM_FAULT_REDIRECT:
        replace_redirect(fault, response);
        break;
    case SIM_FAULT_HUGE:
        replace_huge(fault, response);
        break;
    case SIM_FAULT_JSON_TRUNCATED:
        response->body.size /= 2;
        break;
    case SIM_FAULT_JSON_TRAILING:
        sim_buffer_text(&response->body, "\n<!-- garbage -->");
        break;
    case SIM_FAULT_JSON_VERSION:
        body_replace(&response->body, "\"version\": 0", "\"version\": 1");
        break;
    case SIM_FAULT_JSON_TOKEN:
        body_replace(&response->body, "\"token\": \"",
                     "\"token\": 5,\n  \"was\": \"");
        break;
    case SIM_FAULT_LENGTH:
        response->length_off_by = fault->by;
        break;
    default:
        break;
    }
}

void sim_spoil_delivery(const struct sim_fault *fault, struct sim_buffer *bytes,
                        struct sim_delivery *delivery)
{
    switch (fault->kind) {
    case SIM_FAULT_STALL:
        delivery->stop_at = (size_t)fault->at;
        delivery->after = SIM_AFTER_STALL;
        break;
    case SIM_FAULT_CUT:
        delivery->stop_at = (size_t)fault->at;
        delivery->after = SIM_AFTER_FIN;
        break;
    case SIM_FAULT_RESET:
        delivery->stop_at = (size_t)fault->at;
        delivery->after = SIM_AFTER_RESET;
        break;
    case SIM_FAULT_DRIP:
        delivery->drip_bytes = (size_t)fault->bytes;
        delivery->drip_ms = fault->every_ms;
        break;
    case SIM_FAULT_GARBAGE:
        bytes->size = 0;
        sim_buffer_text(bytes, "SSH-2.0-OpenSSH_9.2\r\n");
        delivery->after = SIM_AFTER_FIN;
        break;
    case SIM_FAULT_HANG_UP:
    case SIM_FAULT_LENGTH:
        delivery->after = SIM_AFTER_FIN;
        break;
    default:
        break;
    }
}

int sim_spoil_status(const struct sim_fault *fault,
                     const struct sim_response *response)
{
    if (fault == NULL) {
        return response->status;
    }
    bool stops = fault->kind == SIM_FAULT_STALL ||
                 fault->kind == SIM_FAULT_CUT || fault->kind == SIM_FAULT_RESET;
    if (fault->kind == SIM_FAULT_GARBAGE ||
        (stops && fault->at < STATUS_LINE_BYTES)) {
        return 0;
    }
    return response->status;
}
