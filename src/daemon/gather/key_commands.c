#include "daemon/gather/key_commands.h"

#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "daemon/gather/key_command.h"
#include "daemon/log/log.h"

#define SECOND_MS 1000u
#define NEW_WAIT_MS (10 * SECOND_MS)
#define SAME_WAIT_MS_MAX (15 * 60 * SECOND_MS)
#define FAILED_WAIT_MS (5 * SECOND_MS)
#define FAILED_WAIT_MS_MAX (5 * 60 * SECOND_MS)

struct key_job {
    struct key_commands *owner;    /* has it in its table */
    TAILQ_ENTRY(key_job) link;     /* in owner->waiting */
    char *name;                    /* owned; as in struct config_key */
    const char **words;            /* owned, with what they point to */
    struct key_command *run;       /* owned; while it runs */
    bool is_waiting;               /* in owner->waiting */
    bool is_failed;                /* the newest run: why is set */
    uint32_t stamp;                /* of the newest key; 0: there was none */
    uint64_t kept_until_ms;        /* when the key is wiped */
    uint64_t next_ms;              /* not run again before */
    uint64_t wait_ms;              /* after the newest run */
    struct api_key key;            /* "": none, or wiped */
    char why[HAPLO_TEXT_SIZE_MAX]; /* what went wrong, if key is "" */
};

static const char *job_name_of(const void *job)
{
    return ((const struct key_job *)job)->name;
}

uint64_t key_commands_wait_ms(enum key_outcome outcome, uint64_t before_ms)
{
    uint64_t least = outcome == KEY_OUTCOME_NONE ? FAILED_WAIT_MS : NEW_WAIT_MS;
    uint64_t most =
        outcome == KEY_OUTCOME_NONE ? FAILED_WAIT_MS_MAX : SAME_WAIT_MS_MAX;
    if (outcome == KEY_OUTCOME_NEW || 2 * before_ms < least) {
        return least;
    }
    return 2 * before_ms < most ? 2 * before_ms : most;
}

/* Jobs */

static void words_free(const char **words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        free((char *)words[i]);
    }
    free(words);
}

static const char **words_copy(const char *const *words)
{
    size_t count = 0;
    while (words[count] != NULL) {
        count++;
    }
    const char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(words[i]);
        if (copy[i] == NULL) {
            words_free(copy);
            return NULL;
        }
    }
    return copy;
}

static void job_free(struct key_job *job)
{
    api_key_wipe(&job->key);
    words_free(job->words);
    free(job->name);
    free(job);
}

/* Copies the command, since the configuration may be replaced. */
static struct key_job *job_new(struct key_commands *commands,
                               const struct config_key *key)
{
    struct key_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    job->owner = commands;
    job->name = strdup(key->name);
    job->words = words_copy(key->words);
    if (job->name == NULL || job->words == NULL ||
        name_table_add(&commands->jobs, job) != 0) {
        job_free(job);
        return NULL;
    }
    return job;
}

static struct key_job *job_of(struct key_commands *commands,
                              const struct config_key *key)
{
    struct key_job *job = name_table_find(&commands->jobs, key->name);
    return job != NULL ? job : job_new(commands, key);
}

/* Running */

/* FNV-1a: tells keys apart, and is of no use for finding one. */
static uint32_t stamp_of(const struct api_key *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = key->revealed; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    }
    return (uint32_t)(hash >> 34) % KEY_COMMANDS_STAMP_MAX + 1;
}

static void run_next(struct key_commands *commands);

/* Until none is left. */
static void on_wipe(uv_timer_t *timer)
{
    struct key_commands *commands = timer->data;
    struct key_job *job;
    size_t cursor = 0;
    bool is_any_left = false;
    while ((job = name_table_next(&commands->jobs, &cursor)) != NULL) {
        if (job->key.revealed[0] != '\0' &&
            job->kept_until_ms <= uv_now(timer->loop)) {
            api_key_wipe(&job->key);
        }
        is_any_left |= job->key.revealed[0] != '\0';
    }
    if (!is_any_left) {
        uv_timer_stop(timer);
    }
}

static void keep(struct key_job *job)
{
    struct key_commands *commands = job->owner;
    job->kept_until_ms = uv_now(commands->loop) + KEY_COMMANDS_KEEP_MS;
    if (!commands->is_once && !uv_is_active((uv_handle_t *)&commands->wipe)) {
        uv_timer_start(&commands->wipe, on_wipe, KEY_COMMANDS_KEEP_MS,
                       KEY_COMMANDS_KEEP_MS / 2);
    }
}

/* Takes the result of the run that has ended. */
static enum key_outcome job_finish(struct key_job *job)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    uint32_t stamp;
    job->is_failed =
        key_command_take(job->run, &job->key, why, sizeof why) != 0;
    if (job->is_failed) {
        (void)reason_write(job->why, sizeof job->why, 0,
                           "api_key_command %s: %s", job->name, why);
        return KEY_OUTCOME_NONE;
    }
    keep(job);
    stamp = stamp_of(&job->key);
    if (stamp == job->stamp) {
        return KEY_OUTCOME_SAME;
    }
    job->stamp = stamp;
    return KEY_OUTCOME_NEW;
}

static void tell_failure(const struct key_job *job)
{
    if (!job->owner->is_once && !job->owner->is_closing) {
        log_line(LOG_LEVEL_WARNING, "%s; run again in %.0f s", job->why,
                 (double)job->wait_ms / SECOND_MS);
    }
}

static void on_done(struct key_command *run)
{
    struct key_job *job = run->data;
    struct key_commands *commands = job->owner;
    enum key_outcome outcome = job_finish(job);
    job->run = NULL;
    free(run);
    job->wait_ms = key_commands_wait_ms(outcome, job->wait_ms);
    job->next_ms = uv_now(commands->loop) + job->wait_ms;
    if (outcome == KEY_OUTCOME_NONE) {
        tell_failure(job);
    }
    commands->running_count--;
    run_next(commands);
    if (!commands->is_closing && commands->changed_cb != NULL) {
        commands->changed_cb(commands->data);
    }
}

static void run_next(struct key_commands *commands)
{
    struct key_job *job;
    while (!commands->is_closing &&
           commands->running_count < KEY_COMMANDS_RUNNING_MAX &&
           (job = TAILQ_FIRST(&commands->waiting)) != NULL) {
        TAILQ_REMOVE(&commands->waiting, job, link);
        job->is_waiting = false;
        commands->running_count++;
        key_command_start(job->run, commands->loop, job->words,
                          commands->time_limit_ms, on_done);
    }
}

/* Queues it, unless it is at work or must wait. A key that worked and is needed
 * again, since a queue was added, need not wait. */
static void job_want(struct key_job *job, bool is_needed)
{
    struct key_commands *commands = job->owner;
    if (job->run != NULL || commands->is_once || commands->is_closing) {
        return;
    }
    if (uv_now(commands->loop) < job->next_ms &&
        (job->is_failed || !is_needed)) {
        return;
    }
    job->run = calloc(1, sizeof *job->run);
    if (job->run == NULL) {
        return; /* asked again soon */
    }
    job->run->data = job;
    job->is_waiting = true;
    TAILQ_INSERT_TAIL(&commands->waiting, job, link);
    run_next(commands);
}

/* Public */

void key_commands_init(struct key_commands *commands, uv_loop_t *loop,
                       uint64_t time_limit_ms, key_commands_cb changed_cb,
                       void *data)
{
    *commands = (struct key_commands){
        .loop = loop,
        .time_limit_ms = time_limit_ms,
        .changed_cb = changed_cb,
        .data = data,
        .jobs.name_of = job_name_of,
    };
    TAILQ_INIT(&commands->waiting);
    uv_timer_init(loop, &commands->wipe); /* cannot fail */
    uv_unref((uv_handle_t *)&commands->wipe);
    commands->wipe.data = commands;
}

int key_commands_read(struct key_commands *commands,
                      const struct config_key *key, struct api_key *text,
                      char *why, size_t why_size)
{
    struct key_job *job = job_of(commands, key);
    text->revealed[0] = '\0';
    if (job == NULL) {
        return reason_write(why, why_size, HAPLO_ENOMEM, "out of memory");
    }
    if (job->key.revealed[0] != '\0') {
        *text = job->key;
        return 0;
    }
    job_want(job, true);
    if (job->run == NULL && job->is_failed) {
        return reason_write(why, why_size, HAPLO_EINVAL, "%s", job->why);
    }
    return reason_write(why, why_size, HAPLO_EBUSY,
                        "api_key_command %s: it has not printed a key yet",
                        job->name);
}

uint32_t key_commands_look(struct key_commands *commands,
                           const struct config_key *key)
{
    struct key_job *job = job_of(commands, key);
    if (job == NULL) {
        return 0;
    }
    job_want(job, false);
    return job->key.revealed[0] != '\0' ? job->stamp : 0;
}

uint32_t key_commands_printed(const struct key_commands *commands,
                              const struct config_key *key)
{
    const struct key_job *job = name_table_find(&commands->jobs, key->name);
    return job != NULL && job->key.revealed[0] != '\0' ? job->stamp : 0;
}

/* Runs those that wait on a loop of its own. */
static int run_waiting(struct key_commands *commands, uv_loop_t *loop)
{
    commands->is_once = true;
    uv_run(loop, UV_RUN_DEFAULT);
    key_commands_close(commands);
    uv_run(loop, UV_RUN_DEFAULT);
    return uv_loop_close(loop);
}

int key_commands_run_all(struct key_commands *commands, uint64_t time_limit_ms,
                         const struct config_queue *queues, size_t count)
{
    uv_loop_t loop;
    int error = uv_loop_init(&loop);
    if (error != 0) {
        return error;
    }
    key_commands_init(commands, &loop, time_limit_ms, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        if (queues[i].key->kind == CONFIG_KEY_COMMAND) {
            (void)key_commands_look(commands, queues[i].key);
        }
    }
    return run_waiting(commands, &loop);
}

int key_commands_read_now(const struct config_key *key, uint64_t time_limit_ms,
                          struct api_key *text, char *why, size_t why_size)
{
    const struct config_queue queue = {.key = key};
    struct key_commands commands;
    if (key->kind != CONFIG_KEY_COMMAND) {
        return api_key_read(key, text, why, why_size);
    }
    int error = key_commands_run_all(&commands, time_limit_ms, &queue, 1);
    if (error != 0) {
        return reason_write(why, why_size, HAPLO_ENOMEM,
                            "api_key_command %s: cannot be run: %s", key->name,
                            uv_strerror(error));
    }
    error = key_commands_read(&commands, key, text, why, why_size);
    key_commands_free(&commands);
    return error;
}

void key_commands_close(struct key_commands *commands)
{
    struct key_job *job;
    size_t cursor = 0;
    if (commands->is_closing) {
        return;
    }
    commands->is_closing = true;
    uv_close((uv_handle_t *)&commands->wipe, NULL);
    while ((job = name_table_next(&commands->jobs, &cursor)) != NULL) {
        if (job->run != NULL && !job->is_waiting) {
            key_command_stop(job->run);
        }
    }
}

void key_commands_free(struct key_commands *commands)
{
    struct key_job *job;
    size_t cursor = 0;
    while ((job = name_table_next(&commands->jobs, &cursor)) != NULL) {
        free(job->run); /* it has not been started, or has ended */
        job_free(job);
    }
    name_table_free(&commands->jobs);
}
