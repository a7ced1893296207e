#include "sim/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE                                               \
    (PATH_MAX + 2 * SIM_NAME_SIZE + 16) /* longest path written \
                                         */

static bool fail(const char *path, char *error, size_t error_size)
{
    snprintf(error, error_size, "%s: %s", path, strerror(errno));
    return false;
}

static bool bytes_write(int file, const struct sim_buffer *bytes)
{
    size_t done = 0;
    while (done < bytes->size) {
        ssize_t count = write(file, bytes->bytes + done, bytes->size - done);
        if (count < 0 && errno != EINTR) {
            return false;
        }
        done += count < 0 ? 0 : (size_t)count;
    }
    return true;
}

/* Writes and renames, so that a client never reads half a key. */
static bool file_write(const char *path, const struct sim_buffer *bytes,
                       mode_t mode, char *error, size_t error_size)
{
    char made[NAME_SIZE + 8];
    snprintf(made, sizeof made, "%s.new", path);
    int file = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (file < 0) {
        return fail(made, error, error_size);
    }
    bool good = fchmod(file, mode) == 0 && bytes_write(file, bytes);
    good = close(file) == 0 && good;
    if (!good || rename(made, path) != 0) {
        return fail(path, error, error_size);
    }
    return true;
}

static bool directory_make(const char *path, mode_t mode, char *error,
                           size_t error_size)
{
    return mkdir(path, mode) == 0 || errno == EEXIST ||
           fail(path, error, error_size);
}

bool sim_files_start(struct sim_server *server, char *error, size_t error_size)
{
    struct sim_command *command = &server->command;
    char path[PATH_MAX];
    char name[NAME_SIZE];
    struct sim_buffer pem = {0};
    if (command->dir[0] == '\0') {
        return true;
    }
    if (!directory_make(command->dir, 0755, error, error_size)) {
        return false;
    }
    if (realpath(command->dir, path) == NULL) {
        return fail(command->dir, error, error_size);
    }
    strcpy(command->dir, path);
    snprintf(name, sizeof name, "%s/keys", command->dir);
    if (!directory_make(name, 0700, error, error_size)) {
        return false;
    }
    snprintf(name, sizeof name, "%s/ca.pem", command->dir);
    sim_certificate_pem(server->authority.subject, &pem);
    bool good = file_write(name, &pem, 0644, error, error_size);
    sim_buffer_free(&pem);
    return good;
}

bool sim_files_certificate(const struct sim_command *command, const char *name,
                           const struct sim_buffer *pem, char *error,
                           size_t error_size)
{
    char path[NAME_SIZE];
    if (command->dir[0] == '\0') {
        return true;
    }
    snprintf(path, sizeof path, "%s/%s.pem", command->dir, name);
    return file_write(path, pem, 0644, error, error_size);
}

bool sim_files_key(const struct sim_command *command, const char *app,
                   struct sim_key *key, char *error, size_t error_size)
{
    char path[NAME_SIZE];
    struct sim_buffer text = {0};
    key->stored = true;
    if (command->dir[0] == '\0') {
        return true;
    }
    snprintf(path, sizeof path, "%s/keys/%s-%s", command->dir, app,
             key->queue[0] == '\0' ? "wide" : key->queue);
    sim_buffer_format(&text, "%s\n", key->text);
    bool good = file_write(path, &text, 0600, error, error_size);
    sim_buffer_free(&text);
    return good;
}

/* "" if the configuration is inside --dir, otherwise "DIR/". */
static bool prefix_find(const struct sim_command *command, char *prefix,
                        size_t size, char *error, size_t error_size)
{
    char copy[PATH_MAX];
    char path[PATH_MAX];
    strcpy(copy, command->write_config);
    if (realpath(dirname(copy), path) == NULL) {
        return fail(command->write_config, error, error_size);
    }
    bool inside = strcmp(path, command->dir) == 0;
    snprintf(prefix, size, "%s%s", inside ? "" : command->dir,
             inside ? "" : "/");
    return true;
}

/* Writes "KEY: PREFIX+TEXT" and ends the line. What might mean something else
 * in YAML is written as a JSON string, which YAML understands as well. */
static void pair_write(struct sim_buffer *to, const char *key,
                       const char *prefix, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    struct sim_buffer value = {0};
    sim_buffer_format(&value, "%s%s", prefix, text);
    sim_buffer_add(&value, "", 1);
    sim_buffer_format(to, "%s: ", key);
    if (value.bytes[0] != '-' &&
        strspn(value.bytes, plain) == strlen(value.bytes)) {
        sim_buffer_text(to, value.bytes);
    } else {
        sim_buffer_json(to, value.bytes, strlen(value.bytes));
    }
    sim_buffer_text(to, "\n");
    sim_buffer_free(&value);
}

/* haplo-poll sends keys unencrypted only if that is allowed, or to itself. */
static bool needs_allowance(const struct sim_app *app)
{
    static const char local[] = "localhost";
    const char *host = app->settings.host;
    size_t size = strlen(host);
    return app->listener->tls == NULL &&
           (size < sizeof local - 1 ||
            strcmp(host + size - (sizeof local - 1), local) != 0);
}

static bool has_polled_queue(const struct sim_app *app)
{
    for (size_t i = 0; i < app->queue_count; i++) {
        if (app->queues[i]->settings.method == 0) {
            return true;
        }
    }
    return false;
}

/* What the server has in another way than it is documented. */
static void dialect_write(const struct sim_settings *settings,
                          struct sim_buffer *to)
{
    struct sim_settings usual;
    sim_options_default(SIM_SCOPE_APP, &usual);
    const struct {
        const char *option;
        const char *value;
        const char *usual;
    } options[] = {
        {"    fetch_path", settings->fetch_path, usual.fetch_path},
        {"    mark_path", settings->mark_path, usual.mark_path},
        {"    user", settings->user, usual.user},
        {"    token_field", settings->token_field, usual.token_field},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(options[i].value, options[i].usual) != 0) {
            pair_write(to, options[i].option, "", options[i].value);
        }
    }
}

static void config_app(const struct sim_app *app, const char *prefix,
                       struct sim_buffer *to)
{
    pair_write(to, "  - name", "", app->name);
    sim_buffer_format(to, "    url: %s\n", app->url);
    if (app->listener->tls != NULL) {
        pair_write(to, "    tls_ca_file", prefix, "ca.pem");
    }
    if (needs_allowance(app)) {
        sim_buffer_text(to, "    allow_http: true\n");
    }
    dialect_write(&app->settings, to);
    sim_buffer_text(to, "    queues:\n");
    for (size_t i = 0; i < app->queue_count; i++) {
        const struct sim_queue *queue = app->queues[i];
        char key[2 * SIM_NAME_SIZE + 16];
        if (queue->settings.method == 0) {
            snprintf(key, sizeof key, "keys/%s-%s", app->name, queue->name);
            pair_write(to, "      - name", "", queue->name);
            pair_write(to, "        api_key_file", prefix, key);
        }
    }
}

static bool config_write(const struct sim_server *server, char *error,
                         size_t error_size)
{
    const struct sim_command *command = &server->command;
    char prefix[PATH_MAX + 2];
    struct sim_buffer text = {0};
    if (!prefix_find(command, prefix, sizeof prefix, error, error_size)) {
        return false;
    }
    sim_buffer_text(&text, "# Polls what haplo-sim simulates.\n");
    pair_write(&text, "state_dir", prefix, "state");
    pair_write(&text, "inbox", prefix, "inbox.db");
    sim_buffer_text(&text, "servers:\n");
    for (size_t i = 0; i < server->world.app_count; i++) {
        if (has_polled_queue(server->world.apps[i])) {
            config_app(server->world.apps[i], prefix, &text);
        }
    }
    bool good =
        file_write(command->write_config, &text, 0644, error, error_size);
    sim_buffer_free(&text);
    return good;
}

bool sim_files_finish(const struct sim_server *server,
                      const struct sim_buffer *ready, char *error,
                      size_t error_size)
{
    const struct sim_command *command = &server->command;
    char path[NAME_SIZE];
    if (command->write_config[0] != '\0' &&
        !config_write(server, error, error_size)) {
        return false;
    }
    if (command->dir[0] == '\0') {
        return true;
    }
    snprintf(path, sizeof path, "%s/ready", command->dir);
    return file_write(path, ready, 0644, error, error_size);
}
