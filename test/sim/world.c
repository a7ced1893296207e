#include "world.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "chaos.h"
#include "ending.h"
#include "guard.h"
#include "process.h"

#define START_MS 1000
#define EVENT_COUNT_MAX 1000000 /* a world that never ends */
#define RESTART_MS_MAX 20000
#define LONG_RESTART_MS_MAX 400000

static void add(struct world *world, uint64_t delay_ms,
                struct agenda_entry entry)
{
    /* A random and unique order within a millisecond. */
    uint64_t chance = dice_next(&world->dice) >> 32 << 32;
    uint64_t longest_ms = UINT64_MAX - world->now_ms;
    entry.due_ms =
        world->now_ms + (delay_ms < longest_ms ? delay_ms : longest_ms);
    entry.order = chance | (world->event_count++ & UINT32_MAX);
    agenda_add(&world->agenda, entry);
}

void world_at_life(struct world *world, uint64_t delay_ms, agenda_cb happen,
                   void *subject, uint64_t stamp, uint64_t life)
{
    add(world, delay_ms,
        (struct agenda_entry){.happen = happen,
                              .subject = subject,
                              .stamp = stamp,
                              .life = life});
}

void world_at_outside(struct world *world, uint64_t delay_ms, agenda_cb happen,
                      void *subject, uint64_t stamp, uint64_t life)
{
    add(world, delay_ms,
        (struct agenda_entry){.happen = happen,
                              .subject = subject,
                              .stamp = stamp,
                              .life = life,
                              .is_outside = true});
}

void world_again(struct world *world, struct agenda_entry entry)
{
    entry.due_ms = world->now_ms;
    entry.order = world->event_count++ & UINT32_MAX;
    agenda_add(&world->agenda, entry);
}

void world_at(struct world *world, uint64_t delay_ms, agenda_cb happen,
              void *subject, uint64_t stamp)
{
    world_at_life(world, delay_ms, happen, subject, stamp, 0);
}

struct process *world_process(const struct world *world, uint64_t life)
{
    for (unsigned host = 0; host < WORLD_HOSTS_MAX; host++) {
        struct process *process = world->processes[host];
        if (process != NULL && process->life == life) {
            return process;
        }
    }
    return NULL;
}

static void check_all(struct world *world)
{
    book_check_told(world);
    for (unsigned host = 0; host < WORLD_HOSTS_MAX; host++) {
        struct process *process = world->processes[host];
        if (process != NULL && !suspend_is_behind(process)) {
            guard_settled(process);
        }
    }
}

static void world_turn(struct world *world)
{
    struct agenda_entry entry;
    if (!agenda_take(&world->agenda, &entry) ||
        world->event_count > EVENT_COUNT_MAX) {
        world_violation(world, "the world does not come to its end");
    }
    assert(entry.due_ms >= world->now_ms);
    world->now_ms = entry.due_ms;
    struct process *process = world_process(world, entry.life);
    if ((entry.life != 0 && process == NULL) ||
        (process != NULL && !entry.is_outside &&
         suspend_holds(process, &entry))) {
        return;
    }
    process_enter(process);
    entry.happen(world, entry.subject, entry.stamp);
    check_all(world);
}

bool world_has_reloads(const struct world *world)
{
    return world->plan.gap_ms[CHAOS_RELOAD] > 0;
}

struct seen_queue *world_find_queue(const struct world *world,
                                    const struct remote_queue *remote)
{
    for (unsigned i = 0; i < (world->is_fleet ? world->host_count : 1); i++) {
        struct process *process = world->processes[i];
        if (process != NULL && process->queues[remote->index].queue != NULL) {
            return &process->queues[remote->index];
        }
    }
    return NULL;
}

unsigned world_process_count(const struct world *world)
{
    unsigned count = 0;
    for (unsigned host = 0; host < WORLD_HOSTS_MAX; host++) {
        count += world->processes[host] != NULL;
    }
    return count;
}

uint64_t world_some_time_ms(struct world *world)
{
    uint64_t longest_ms = world->plan.chaos_ms / 3 + 60000;
    if (dice_hit(&world->dice, 600)) {
        longest_ms /= 8;
    }
    return 1 + dice_below(&world->dice, longest_ms);
}

static void on_start(struct world *world, void *subject, uint64_t host)
{
    (void)subject;
    if (world->processes[host] == NULL) {
        process_start(world, (unsigned)host);
    }
}

static void plan_restart(struct world *world, unsigned host)
{
    bool is_long = !world->is_quiet && dice_hit(&world->dice, 100);
    world_at(world,
             dice_below(&world->dice,
                        is_long ? LONG_RESTART_MS_MAX : RESTART_MS_MAX),
             on_start, NULL, host);
}

void world_process_ended(struct process *process)
{
    struct world *world = process->world;
    unsigned host = process->host;
    TRACE(world, "process %u: ends", host);
    process_end(process);
    if (host == 0 || world->is_fleet) {
        plan_restart(world, host);
    }
}

void world_kill(struct world *world, struct process *process,
                enum crash_point point)
{
    static const char *const texts[] = {
#define CRASH_TEXT(name, least, text) text,
        CRASH_MAP(CRASH_TEXT)
#undef CRASH_TEXT
    };
    world->crash_point = CRASH_NEVER;
    world->totals->crashes[point]++;
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (process->queues[i].queue != NULL) {
            world->totals->killed_in[process->queues[i].guard.state]++;
        }
    }
    TRACE(world, "process %u: killed %s", process->host, texts[point]);
    world->dying = process;
    longjmp(world->crash_jump, 1);
}

void world_crash_point(struct world *world, enum crash_point point)
{
    if (world->crash_point == point && process_current() != NULL) {
        world_kill(world, process_current(), point);
    }
}

static void on_crash(struct world *world, void *subject, uint64_t stamp)
{
    (void)subject;
    (void)stamp;
    if (!world->is_quiet) {
        world_kill(world, process_current(), CRASH_AT_ANY_TIME);
    }
}

/* Dies in the middle of the step, or while the state lasts. */
void world_crash_at_change(struct world *world, enum haplo_queue_state to)
{
    if (world->crash_point != CRASH_AT_CHANGE ||
        (world->crash_state >= 0 && world->crash_state != (int)to) ||
        --world->crash_changes > 0) {
        return;
    }
    if (dice_hit(&world->dice, 500)) {
        world_kill(world, process_current(), CRASH_AT_CHANGE);
    }
    world->crash_point = CRASH_NEVER;
    process_at(process_current(), dice_below(&world->dice, 1000), on_crash,
               NULL, 0);
}

void world_note_edge(struct world *world, enum haplo_queue_state from,
                     enum haplo_queue_state to)
{
    world->totals->edges[from][to]++;
}

struct token *world_token_new(struct world *world, struct remote_queue *queue,
                              unsigned count)
{
    struct token *token =
        pool_take(&world->pool, sizeof *token + count * sizeof token->parts[0]);
    if (world->token_count == world->token_capacity) {
        world->token_capacity =
            world->token_capacity == 0 ? 256 : world->token_capacity * 2;
        world->tokens = realloc(world->tokens,
                                world->token_capacity * sizeof(struct token *));
        if (world->tokens == NULL) {
            fprintf(stderr, "sim: out of memory\n");
            exit(2);
        }
    }
    world->tokens[world->token_count++] = token;
    token->number = world->token_count;
    token->queue = queue;
    token->is_poison =
        !world->is_quiet && dice_hit(&world->dice, world->plan.reject_permille);
    return token;
}

struct token *world_token(const struct world *world, uint32_t number)
{
    return number == 0 || number > world->token_count
               ? NULL
               : world->tokens[number - 1];
}

static void on_unsend(struct world *world, void *subject, uint64_t number)
{
    const struct token *token = world_token(world, (uint32_t)number);
    if (!world->is_quiet) {
        remote_unsend(world, token->queue, subject);
    }
}

void world_unsend_soon(struct world *world, const struct token *token)
{
    uint64_t at = dice_below(&world->dice, token->count);
    uint64_t longest_ms = dice_hit(&world->dice, 500) ? 300 : 20000;
    world_at(world, dice_below(&world->dice, longest_ms), on_unsend,
             token->parts[at].message, token->number);
}

void world_violation(struct world *world, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->violation, sizeof world->violation, format, arguments);
    va_end(arguments);
    TRACE(world, "violation: %s", world->violation);
    longjmp(world->violation_jump, 1);
}

/* Clears what must be empty before a run, and keeps what runs share. */
static void world_reset(struct world *world)
{
    agenda_free(&world->agenda);
    pool_reset(&world->pool);
    for (unsigned i = 0; i < WORLD_STORES_MAX; i++) {
        store_free(&world->stores[i]);
    }
    struct pool pool = world->pool;
    struct token **tokens = world->tokens;
    uint32_t token_capacity = world->token_capacity;
    bool has_steady_wall_clock = world->has_steady_wall_clock;
    world_scene scene = world->scene;
    memset(world, 0, offsetof(struct world, body));
    world->pool = pool;
    world->tokens = tokens;
    world->token_capacity = token_capacity;
    world->has_steady_wall_clock = has_steady_wall_clock;
    world->scene = scene;
}

static void live(struct world *world)
{
    store_fleet_init(world);
    plan_draw(world);
    if (world->scene != NULL) {
        world->scene(world);
    }
    for (unsigned host = 0; host < (world->is_fleet ? world->host_count : 1);
         host++) {
        world_at(world, host * dice_below(&world->dice, 60000), on_start, NULL,
                 host);
    }
    chaos_begin(world);
    ending_plan(world);
    if (setjmp(world->crash_jump) != 0) {
        world_process_ended(world->dying);
    }
    while (!ending_is_over(world)) {
        world_turn(world);
    }
}

bool world_run(struct world *world, uint64_t seed, struct totals *totals,
               FILE *trace_file)
{
    world_reset(world);
    world->seed = seed;
    world->now_ms = START_MS;
    world->dice.state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    world->wall_dice.state = ~seed;
    world->crash_point = CRASH_NEVER;
    world->errand = ERRAND_NONE;
    world->totals = totals;
    world->trace_file = trace_file;
    if (setjmp(world->violation_jump) == 0) {
        live(world);
    }
    for (unsigned host = 0; host < WORLD_HOSTS_MAX; host++) {
        if (world->processes[host] != NULL) {
            process_end(world->processes[host]);
        }
    }
    totals->seeds++;
    totals->virtual_ms += world->now_ms;
    if (world->violation[0] == '\0') {
        return true;
    }
    totals->violations++;
    if (seed < totals->first_violation) {
        totals->first_violation = seed;
    }
    return false;
}

void world_free(struct world *world)
{
    agenda_free(&world->agenda);
    pool_free(&world->pool);
    for (unsigned i = 0; i < WORLD_STORES_MAX; i++) {
        store_free(&world->stores[i]);
    }
    free(world->tokens);
}
