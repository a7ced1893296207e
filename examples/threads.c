/* threads.c - stores batches in threads, as a program does whose database calls
 * block: threads FOLDER URL QUEUE... < FILE-WITH-THE-API-KEY
 * A thread of libuv's pool makes a file of the batch, and the loop accepts it
 * when that is durable. On SIGTERM the program ends when all that is durable
 * has been marked, so that nothing comes again; after a crash, the last batches
 * do, and own_database.c shows what helps. */
#include <fcntl.h>
#include <haplopoll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A queue has one at a time: its data. */
struct job {
    uv_work_t work; /* the first member, so that a request is its job */
    struct haplo_batch batch;
    bool is_durable;
    char part[HAPLO_NAME_SIZE_MAX + 8]; /* the file, until it is complete */
    char name[HAPLO_NAME_SIZE_MAX + 40];
};

static uv_signal_t terminate;
static int folder; /* a descriptor */
static struct job jobs[100];

/* In a thread, which may read nothing of the library but the batch. */
static bool write_messages(struct haplo_batch batch, FILE *file)
{
    const struct haplo_message *message = haplo_batch_messages(batch);
    for (size_t i = 0; i < haplo_batch_message_count(batch); i++, message++) {
        if (!message->is_repeat) {
            fwrite(message->body.data, 1, message->body.size, file);
            putc('\0', file); /* a message may have several lines */
        }
    }
    bool is_synced =
        fflush(file) == 0 && !ferror(file) && fsync(fileno(file)) == 0;
    return fclose(file) == 0 && is_synced;
}

static void store(uv_work_t *work)
{
    struct job *job = (struct job *)work;
    FILE *file = fopen(job->part, "w");
    job->is_durable = file != NULL && write_messages(job->batch, file) &&
                      rename(job->part, job->name) == 0 && fsync(folder) == 0;
}

/* On the loop again. */
static void on_stored(uv_work_t *work, int status)
{
    struct job *job = (struct job *)work;
    if (status == 0 && job->is_durable) {
        haplo_batch_accept(job->batch);
    } else {
        haplo_batch_retry(job->batch, 0, "cannot be stored");
    }
}

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    struct job *job = haplo_queue_data(queue);
    const char *name = haplo_queue_name(queue);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    job->batch = batch;
    snprintf(job->part, sizeof job->part, "%s.part", name);
    snprintf(job->name, sizeof job->name, "%s.%lld.%09ld", name,
             (long long)now.tv_sec, now.tv_nsec);
    uv_queue_work(uv_default_loop(), &job->work, store, on_stored);
}

static void on_stopped(struct haplo_poller *poller, size_t batches_left)
{
    fprintf(stderr, "%zu batches will come again\n", batches_left);
    haplo_poller_close(poller, NULL);
    uv_close((uv_handle_t *)&terminate, NULL);
}

static void on_terminate(uv_signal_t *handle, int number)
{
    (void)number;
    haplo_poller_stop(handle->data, 60000, on_stopped);
}

int main(int argc, char **argv)
{
    char key[HAPLO_KEY_SIZE_MAX + 2] = "", why[HAPLO_TEXT_SIZE_MAX] = "";
    uv_loop_t *loop = uv_default_loop();
    struct haplo_poller *poller;
    struct haplo_server *server;
    struct haplo_queue *queue;
    if (argc < 4 || argc > 100 || !fgets(key, sizeof key, stdin) ||
        chdir(argv[1]) || (folder = open(".", O_RDONLY)) < 0 ||
        uv_signal_init(loop, &terminate) ||
        uv_signal_start(&terminate, on_terminate, SIGTERM)) {
        return 2;
    }
    struct haplo_server_options at = {
        .struct_size = sizeof at, .name = "server", .url = argv[2]};
    struct haplo_queue_options options = {.struct_size = sizeof options,
                                          .api_key = strtok(key, "\n"),
                                          .interval_ms = 1000,
                                          .deliver_cb = on_deliver};
    int error = haplo_poller_new(loop, NULL, &poller, why, sizeof why) ||
                haplo_server_add(poller, &at, &server, why, sizeof why);
    terminate.data = poller;
    for (int i = 3; i < argc && !error; i++) {
        options.name = argv[i];
        options.data = &jobs[i];
        error = haplo_queue_add(server, &options, &queue, why, sizeof why);
    }
    if (error) {
        fprintf(stderr, "%s\n", why);
    }
    return error ? 2 : uv_run(loop, UV_RUN_DEFAULT);
}
