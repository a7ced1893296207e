#include "rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"

static void round_begin(struct rounds *rounds)
{
    rounds->left = rounds->queue_count;
    rounds->cpu_us = client_cpu_us();
    rounds->wall_us = client_wall_us();
    rounds->begin_cb();
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    char line[64];
    (void)events;
    if (status < 0 || read(STDIN_FILENO, line, sizeof line) <= 0) {
        exit(1); /* the harness has ended */
    }
    round_begin(poll->data);
}

void rounds_start(struct rounds *rounds, unsigned count, unsigned queue_count,
                  void (*begin_cb)(void))
{
    rounds->count = count;
    rounds->queue_count = queue_count;
    rounds->begin_cb = begin_cb;
    rounds->input.data = rounds;
    if (uv_poll_init(uv_default_loop(), &rounds->input, STDIN_FILENO) != 0 ||
        uv_poll_start(&rounds->input, UV_READABLE, on_input) != 0) {
        client_fail("cannot wait for standard input");
    }
    round_begin(rounds);
}

void rounds_count(struct rounds *rounds)
{
    if (--rounds->left > 0) {
        return;
    }
    printf("{\"cycles\": %u, \"cpu_us\": %.0f, \"wall_us\": %.0f, "
           "\"resident_kib\": %ld}\n",
           rounds->queue_count, client_cpu_us() - rounds->cpu_us,
           client_wall_us() - rounds->wall_us, client_resident_kib());
    if (fflush(stdout) != 0 || --rounds->count == 0) {
        exit(0);
    }
}
