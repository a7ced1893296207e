/* The file that keeps the failed logins of each server over runs: what is read
 * of it, whatever it holds, and for how long it counts. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/wall_clock.h"
#include "config_fixture.h"
#include "daemon/gather.h"

#define PATH "state/" FAILED_LOGINS_FILE
#define FIRST "haplo-poll failed logins 1\n"

/* Two servers, "a" with queues "x" and "y", "b" with "x"; nothing is open. */
struct place {
    struct config config;
    struct config_server config_servers[2];
    struct config_queue config_queues[3];
    struct gather gather;
    struct gather_server servers[2];
    struct gather_queue queues[3];
};

static const char *server_name_of(const void *server)
{
    return ((const struct gather_server *)server)->config->options.name;
}

static const char *queue_name_of(const void *queue)
{
    return ((const struct gather_queue *)queue)->config->name;
}

static void queue_add(struct place *place, size_t index, const char *name,
                      struct gather_server *server)
{
    struct gather_queue *queue = &place->queues[index];
    place->config_queues[index].name = name;
    queue->config = &place->config_queues[index];
    assert_int_equal(name_table_add(&server->queues, queue), 0);
}

static void server_add(struct place *place, size_t index, const char *name)
{
    struct gather_server *server = &place->servers[index];
    place->config_servers[index].options.name = name;
    server->config = &place->config_servers[index];
    server->queues.name_of = queue_name_of;
    assert_int_equal(name_table_add(&place->gather.servers, server), 0);
}

static void place_init(struct place *place)
{
    *place = (struct place){.gather.servers.name_of = server_name_of,
                            .config.state_dir = "state"};
    place->gather.config = &place->config;
    server_add(place, 0, "a");
    server_add(place, 1, "b");
    queue_add(place, 0, "x", &place->servers[0]);
    queue_add(place, 1, "y", &place->servers[0]);
    queue_add(place, 2, "x", &place->servers[1]);
    failed_logins_init(&place->gather.failed_logins, &place->gather);
}

static void place_free(struct place *place)
{
    name_table_free(&place->servers[0].queues);
    name_table_free(&place->servers[1].queues);
    name_table_free(&place->gather.servers);
}

/* Reads a file of that text. */
static void load_text(struct place *place, const char *text, size_t size)
{
    FILE *file = fopen(PATH, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    place_init(place);
    failed_logins_load(&place->gather.failed_logins);
}

static void assert_nothing(const struct place *place)
{
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(place->servers[i].logins.count, 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_false(place->queues[i].key_refused);
    }
}

/* Each server has a separate count, found by its name. */
static void each_server_has_its_own_count(void **state)
{
    (void)state;
    static const char text[] = FIRST "server b 7 1764362646000\n"
                                     "refused b x\n"
                                     "server gone 9 1764362646000\n"
                                     "refused gone x\n"
                                     "refused a gone\n"
                                     "refused a y\n";
    struct place place;
    load_text(&place, text, strlen(text));
    assert_int_equal(place.servers[0].logins.count, 0);
    assert_int_equal(place.servers[1].logins.count, 7);
    assert_int_equal(place.servers[1].logins.newest_ms, 1764362646000);
    assert_false(place.queues[0].key_refused);
    assert_true(place.queues[1].key_refused);
    assert_true(place.queues[2].key_refused);
    place_free(&place);
}

/* The ordinary case is no file, and no folder in its place either. */
static void no_file_is_nothing_to_tell(void **state)
{
    (void)state;
    struct place place;
    unlink(PATH);
    place_init(&place);
    failed_logins_load(&place.gather.failed_logins);
    assert_nothing(&place);
    assert_int_equal(mkdir(PATH, 0700), 0);
    failed_logins_load(&place.gather.failed_logins);
    assert_nothing(&place);
    assert_int_equal(rmdir(PATH), 0);
    place_free(&place);
}

/* Half a line must not pass for another one: "15" cut to "1" would. */
static void a_file_cut_anywhere_is_read_to_its_last_whole_line(void **state)
{
    (void)state;
    static const char text[] = FIRST "server a 15 1764362646000\n"
                                     "refused a x\n";
    const size_t second_end = strlen(text) - strlen("refused a x\n");
    struct place place;
    for (size_t size = 0; size < strlen(text); size++) {
        load_text(&place, text, size);
        bool has_count = size >= second_end;
        assert_int_equal(place.servers[0].logins.count, has_count ? 15 : 0);
        assert_false(place.queues[0].key_refused);
        place_free(&place);
    }
}

/* Any byte may be another one. */
static void a_file_with_any_byte_changed_is_read_somehow(void **state)
{
    (void)state;
    static const char good[] = FIRST "server a 5 1764362646000\n"
                                     "refused a x\n";
    char text[sizeof good];
    struct place place;
    for (size_t i = 0; i < strlen(good); i++) {
        for (int byte = 0; byte < 256; byte++) {
            memcpy(text, good, sizeof good);
            text[i] = (char)byte;
            load_text(&place, text, strlen(good));
            assert_true(i >= strlen(FIRST) || text[i] == good[i] ||
                        place.servers[0].logins.count == 0);
            place_free(&place);
        }
    }
}

static void assert_age(uint64_t now_ms, int64_t failed_ago_ms, unsigned count,
                       uint64_t least_ms)
{
    struct gather_server server = {
        .logins = {.count = 5, .newest_ms = now_ms - (uint64_t)failed_ago_ms}};
    struct haplo_server_options options = {0};
    failed_logins_server_options(&server, &options);
    assert_int_equal(options.failed_logins, count);
    assert_in_range(options.failed_login_age_ms, least_ms, least_ms + 5000);
}

/* A clock that was set back or ran ahead must hold no server for longer than
 * the server itself would. */
static void a_time_in_the_future_is_forgotten(void **state)
{
    (void)state;
    uint64_t now_ms = wall_clock_ms();
    assert_age(now_ms, 0, 5, 0);
    assert_age(now_ms, 200000, 5, 200000);
    assert_age(now_ms, -60000, 0, 0);
    assert_age(now_ms, -INT64_C(1000000000000000), 0, 0);
    assert_age(now_ms, (int64_t)now_ms, 5, now_ms);
}

static int state_dir_make(void **state)
{
    return folder_make(state) != 0 || mkdir("state", 0700) != 0;
}

static int state_dir_remove(void **state)
{
    unlink(PATH);
    return rmdir("state") != 0 || folder_remove(state) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_server_has_its_own_count),
        cmocka_unit_test(no_file_is_nothing_to_tell),
        cmocka_unit_test(a_file_cut_anywhere_is_read_to_its_last_whole_line),
        cmocka_unit_test(a_file_with_any_byte_changed_is_read_somehow),
        cmocka_unit_test(a_time_in_the_future_is_forgotten),
    };
    return cmocka_run_group_tests(tests, state_dir_make, state_dir_remove);
}
