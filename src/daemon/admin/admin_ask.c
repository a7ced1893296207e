#include "daemon/admin/admin_ask.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/command_hint.h"
#include "base/reason.h"
#include "daemon/admin/admin_form.h"
#include "daemon/admin/admin_listen.h"
#include "daemon/commands/last_run.h"

#define ANSWER_SIZE_MAX (64u << 20)
#define CONNECT_TIMEOUT_MS 10000L
#define SILENCE_TIMEOUT_S 30L /* a response that takes longer has a pulse */

/* Answers */

void admin_answer_free(struct admin_answer *answer)
{
    free(answer->body);
    *answer = (struct admin_answer){0};
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct admin_answer *answer = context;
    (void)size; /* always 1 */
    if (count > ANSWER_SIZE_MAX - answer->size) {
        return 0;
    }
    char *body = realloc(answer->body, answer->size + count + 1);
    if (body == NULL) {
        return 0;
    }
    memcpy(body + answer->size, data, count);
    answer->body = body;
    answer->size += count;
    body[answer->size] = '\0';
    return count;
}

/* The members of a result, or of the object in an error. Other members, which
 * a reload has, come later. */
enum exit_code admin_answer_result(const struct admin_answer *answer,
                                   char *text, size_t text_size)
{
    uint64_t exit_code = answer->status == 200 ? EXIT_CODE_FINE
                         : answer->status == 404 || answer->status == 422
                             ? EXIT_CODE_USAGE
                             : EXIT_CODE_FAILED;
    snprintf(text, text_size, "the response has the status %ld",
             answer->status);
    (void)admin_form_find(answer->body, answer->size, "message", text,
                          text_size);
    (void)admin_form_find_count(answer->body, answer->size, "exit_code",
                                &exit_code);
    return exit_code > EXIT_CODE_IN_USE ? EXIT_CODE_FAILED
                                        : (enum exit_code)exit_code;
}

/* Paths */

static bool is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || (c != '\0' && strchr("-._~", c) != NULL);
}

/* Appends a text, percent-encoded; used: bytes before it. */
static int append(char *path, size_t path_size, size_t used, const char *text)
{
    for (; *text != '\0' && used + 4 <= path_size; text++) {
        unsigned char c = (unsigned char)*text;
        used += (size_t)snprintf(path + used, path_size - used,
                                 is_unreserved(c) ? "%c" : "%%%02X", c);
    }
    return *text == '\0' && used < path_size ? 0 : -1;
}

int admin_ask_append(char path[ADMIN_ASK_PATH_SIZE], const char *segment)
{
    size_t used = strlen(path);
    if (used + 2 > ADMIN_ASK_PATH_SIZE) {
        return -1;
    }
    strcpy(path + used, "/");
    return append(path, ADMIN_ASK_PATH_SIZE, used + 1, segment);
}

int admin_ask_add(char *path, size_t path_size, const char *name,
                  const char *value)
{
    size_t used = strlen(path);
    int size = snprintf(path + used, path_size - used,
                        "%c%s=", strchr(path, '?') == NULL ? '?' : '&', name);
    return append(path, path_size, used + (size_t)size, value);
}

/* Asking */

/* Adds a header; false if memory ran out, and the list is freed. */
static bool add_header(struct curl_slist **headers, const char *header)
{
    struct curl_slist *list = curl_slist_append(*headers, header);
    if (list == NULL) {
        curl_slist_free_all(*headers);
        *headers = NULL;
        return false;
    }
    *headers = list;
    return true;
}

#define SET(option, value) \
    (code == CURLE_OK ? code = curl_easy_setopt(curl, option, value) : code)

static CURLcode prepare(CURL *curl, const char *socket_path, const char *method,
                        const char *url, const char *json,
                        struct admin_answer *answer)
{
    CURLcode code = CURLE_OK;
    SET(CURLOPT_UNIX_SOCKET_PATH, socket_path);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CUSTOMREQUEST, method);
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, SILENCE_TIMEOUT_S);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, answer);
    if (json != NULL) {
        SET(CURLOPT_POSTFIELDS, json);
    } else if (strcmp(method, "GET") != 0) {
        SET(CURLOPT_POSTFIELDS, "");
    }
    return code;
}

/* Nothing listens on the socket. The configuration may have changed since the
 * process was started, which is found out where it is looked for. */
static int explain_absence(const struct config *config, const char *socket_path,
                           char *why, size_t why_size)
{
    char hint[COMMAND_HINT_SIZE];
    struct last_run run;
    last_run_read(&run, config->state_dir);
    if (run.is_locked) {
        return reason_write(
            why, why_size, HAPLO_ECONNECT,
            "state_dir %s is in use by %s, which does not listen on %s: it is "
            "starting or ending; or admin.socket has changed since it was "
            "started: then restart it",
            config->state_dir, run.holder, socket_path);
    }
    return reason_write(
        why, why_size, HAPLO_ENOTFOUND,
        "no process uses state_dir %s, and nothing listens on %s: start `%s`; "
        "one that was started with another state_dir has to be restarted",
        config->state_dir, socket_path, command_hint(hint, "run", NULL));
}

static int explain(CURLcode code, const struct config *config,
                   const char *socket_path, char *why, size_t why_size)
{
    if (code == CURLE_COULDNT_CONNECT && access(socket_path, W_OK) != 0 &&
        errno == EACCES) {
        return reason_write(why, why_size, HAPLO_ECONNECT,
                            "%s cannot be opened: permission denied; run this "
                            "as the user of the process, or as root",
                            socket_path);
    }
    if (code == CURLE_COULDNT_CONNECT) {
        return explain_absence(config, socket_path, why, why_size);
    }
    if (code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT) {
        return reason_write(why, why_size, HAPLO_ENOMEM, "out of memory");
    }
    return reason_write(why, why_size, HAPLO_ETIMEDOUT,
                        "the process that uses state_dir %s does not respond: "
                        "%s",
                        config->state_dir, curl_easy_strerror(code));
}

static CURLcode perform(const char *socket_path, const char *method,
                        const char *path, const char *json,
                        struct admin_answer *answer)
{
    struct curl_slist *headers = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    size_t url_size = strlen(path) + sizeof "http://localhost";
    char *url = malloc(url_size);
    CURL *curl = curl_easy_init();
    if (curl != NULL && url != NULL &&
        add_header(&headers, "Content-Type: application/json") &&
        add_header(&headers, "X-Haplo-Poll: 1") &&
        add_header(&headers, "Expect:")) {
        snprintf(url, url_size, "http://localhost%s", path);
        code = prepare(curl, socket_path, method, url, json, answer);
        SET(CURLOPT_HTTPHEADER, headers);
        if (code == CURLE_OK) {
            code = curl_easy_perform(curl);
        }
        if (code == CURLE_OK) {
            code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE,
                                     &answer->status);
        }
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    free(url);
    return code;
}

int admin_ask(const struct config *config, const char *method, const char *path,
              const char *json, struct admin_answer *answer, char *why,
              size_t why_size)
{
    *answer = (struct admin_answer){.body = calloc(1, 1)};
    char *socket_path = admin_socket_path(config);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (socket_path != NULL && answer->body != NULL) {
        code = perform(socket_path, method, path, json, answer);
    }
    int error = code == CURLE_OK
                    ? 0
                    : explain(code, config, socket_path, why, why_size);
    free(socket_path);
    return error;
}
