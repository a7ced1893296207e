/* many_servers.c - polls all queues that a file lists: many_servers FILE
 * Each line is SERVER,URL,QUEUE,KEY; the first one of a server tells its URL.
 * On SIGHUP the file is read again: queues are added, keys replaced, and what
 * is no longer listed is removed after its last mark. While a line is wrong,
 * nothing is removed. */
#include <haplopoll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *path;
static struct haplo_poller *poller;
static uintptr_t reading; /* the number of this one; data of what it listed */
static void read_file(uv_signal_t *handle, int number);

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    const char *server = haplo_server_name(haplo_queue_server(queue));
    const struct haplo_message *message = haplo_batch_messages(batch);
    for (size_t i = 0; i < haplo_batch_message_count(batch); i++, message++) {
        printf("%s/%s ", server, haplo_queue_name(queue));
        fwrite(message->body.data, 1, message->body.size, stdout);
        putchar('\0'); /* a message may have several lines */
    }
    fflush(stdout) == 0 && !ferror(stdout)
        ? haplo_batch_accept(batch)
        : haplo_batch_retry(batch, 0, "standard output");
}

static void on_removed(struct haplo_queue *queue)
{
    struct haplo_server *server = haplo_queue_server(queue);
    fprintf(stderr, "removed: %s/%s\n", haplo_server_name(server),
            haplo_queue_name(queue));
    if ((uintptr_t)haplo_queue_data(queue) == reading) {
        read_file(NULL, 0); /* it was listed again while it was removed */
    }
    haplo_server_remove(server); /* refused if it has other queues */
}

/* Returns 0, or why is set. */
static int read_line(char *line, char *why)
{
    const size_t size = HAPLO_TEXT_SIZE_MAX;
    struct haplo_server_options at = {.struct_size = sizeof at};
    struct haplo_queue_options options = {.struct_size = sizeof options};
    at.name = strsep(&line, ",");
    at.url = strsep(&line, ",");
    options.name = strsep(&line, ",");
    options.api_key = line;
    options.deliver_cb = on_deliver;
    options.data = (void *)reading; /* NOLINT(performance-no-int-to-ptr) */
    if (line == NULL) {
        return snprintf(why, size, "not SERVER,URL,QUEUE,KEY");
    }
    struct haplo_server *server = haplo_server_find(poller, at.name);
    if (server == NULL &&
        haplo_server_add(poller, &at, &server, why, size) != 0) {
        return -1;
    }
    struct haplo_queue *queue = haplo_queue_find(server, options.name);
    if (queue != NULL) {
        return haplo_queue_set_options(queue, &options, why, size);
    }
    int error = haplo_queue_add(server, &options, &queue, why, size);
    if (error == 0) {
        haplo_queue_poll_now(queue);
    }
    return error;
}

static void remove_others(void)
{
    struct haplo_server *server = NULL;
    while ((server = haplo_server_next(poller, server)) != NULL) {
        struct haplo_queue *queue = NULL;
        while ((queue = haplo_queue_next(server, queue)) != NULL) {
            if ((uintptr_t)haplo_queue_data(queue) != reading) {
                haplo_queue_remove(queue, on_removed);
            }
        }
    }
}

static void read_file(uv_signal_t *handle, int number)
{
    char line[2048], why[HAPLO_TEXT_SIZE_MAX];
    bool is_wrong = false;
    FILE *file = fopen(path, "r");
    (void)handle;
    reading += file != NULL;
    for (number = 1; file && fgets(line, sizeof line, file); number++) {
        line[strcspn(line, "\n")] = '\0';
        if (read_line(line, why) != 0) {
            is_wrong = true;
            fprintf(stderr, "%s:%d: %s\n", path, number, why);
        }
    }
    explicit_bzero(line, sizeof line);
    if (file == NULL || ferror(file) || fclose(file) != 0) {
        perror(path);
    } else if (!is_wrong) {
        remove_others();
    }
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    uv_signal_t hangup;
    if (argc < 2 || uv_signal_init(loop, &hangup) ||
        uv_signal_start(&hangup, read_file, SIGHUP) ||
        haplo_poller_new(loop, NULL, &poller, NULL, 0)) {
        return 2;
    }
    path = argv[1];
    read_file(&hangup, SIGHUP);
    return uv_run(loop, UV_RUN_DEFAULT);
}
