#include "process.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "book.h"
#include "gather.h"
#include "kept.h"
#include "poll.h"
#include "world.h"

void process_start(struct world *world)
{
    struct process *process = calloc(1, sizeof *process);
    if (process == NULL) {
        fprintf(stderr, "sim: out of memory\n");
        exit(2);
    }
    assert(world->process == NULL);
    process->world = world;
    process->life = ++world->life;
    world->process = process;
    TRACE(world, "process: starts");
    for (unsigned i = 0; i < world->disk_count; i++) {
        sink_open(&process->sinks[i], process, &world->disks[i]);
    }
    kept_begin(world);
    poll_open(process);
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (world->queues[i].is_configured) {
            gather_add_queue(process, &world->queues[i]);
        }
    }
}

void process_end(struct world *world)
{
    struct process *process = world->process;
    world->process = NULL;
    poll_close(process);
    free(process);
    for (unsigned i = 0; i < world->disk_count; i++) {
        disk_rollback(&world->disks[i]);
    }
    book_ended(world);
}
