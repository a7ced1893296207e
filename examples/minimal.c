/* minimal.c - polls one queue inside the application's own loop and prints its
 * messages: minimal URL QUEUE < FILE-WITH-THE-API-KEY */
#include <haplopoll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Accept a batch only after it is stored: here, after stdout has taken it. To
 * store each message exactly once, see own_database.c. */
static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    const struct haplo_message *message = haplo_batch_messages(batch);
    for (size_t i = 0; i < haplo_batch_message_count(batch); i++) {
        fwrite(message[i].body.data, 1, message[i].body.size, stdout);
        putchar('\n');
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        haplo_batch_retry(batch, 0, haplo_queue_name(queue));
    } else {
        haplo_batch_accept(batch);
    }
}

/* Ends the program when the queue is empty. An application would continue. */
static void on_drained(struct haplo_queue *queue)
{
    haplo_poller_close(haplo_queue_poller(queue), NULL);
}

int main(int argc, char **argv)
{
    char key[HAPLO_KEY_SIZE_MAX + 2] = "", why[HAPLO_TEXT_SIZE_MAX] = "";
    struct haplo_poller *poller;
    struct haplo_server *server;
    struct haplo_queue *queue;
    if (argc < 3 || fgets(key, sizeof key, stdin) == NULL) {
        return 2;
    }
    key[strcspn(key, "\n")] = '\0';
    struct haplo_server_options at = {
        .struct_size = sizeof at, .name = "server", .url = argv[1]};
    at.tls_ca_file = getenv("CA_FILE");
    struct haplo_queue_options options = {.struct_size = sizeof options,
                                          .name = argv[2],
                                          .api_key = key,
                                          .deliver_cb = on_deliver,
                                          .drained_cb = on_drained};
    if (haplo_poller_new(uv_default_loop(), NULL, &poller, why, sizeof why) ||
        haplo_server_add(poller, &at, &server, why, sizeof why) ||
        haplo_queue_add(server, &options, &queue, why, sizeof why)) {
        fprintf(stderr, "%s\n", why);
        return 2;
    }
    haplo_queue_poll_now(queue);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
