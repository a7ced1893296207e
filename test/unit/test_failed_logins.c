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
#include "daemon/failed_logins.h"

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

static void place_init(struct place *place)
{
    static const char *const names[] = {"x", "y", "x"};
    *place = (struct place){0};
    for (size_t i = 0; i < 3; i++) {
        place->config_queues[i].options.name = names[i];
        place->queues[i].config = &place->config_queues[i];
    }
    for (size_t i = 0; i < 2; i++) {
        place->config_servers[i].options.name = i == 0 ? "a" : "b";
        place->servers[i] = (struct gather_server){
            .config = &place->config_servers[i],
            .queues = &place->queues[2 * i],
            .queue_count = 2 - i,
        };
    }
    place->config.state_dir = "state";
    place->config.server_count = 2;
    place->gather.config = &place->config;
    place->gather.servers = place->servers;
}

/* Reads a file of that text. */
static void load_text(struct place *place, const char *text, size_t size)
{
    FILE *file = fopen(PATH, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    place_init(place);
    failed_logins_load(&place->gather);
}

static void assert_nothing(const struct place *place)
{
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(place->servers[i].logins.failed_count, 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_false(place->queues[i].key_refused);
    }
}

/* Servers count for themselves, and are told apart by their names. */
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
    assert_int_equal(place.servers[0].logins.failed_count, 0);
    assert_int_equal(place.servers[1].logins.failed_count, 7);
    assert_int_equal(place.servers[1].logins.failed_at_ms, 1764362646000);
    assert_false(place.queues[0].key_refused);
    assert_true(place.queues[1].key_refused);
    assert_true(place.queues[2].key_refused);
}

/* The ordinary case is no file, and no folder in its place either. */
static void no_file_is_nothing_to_tell(void **state)
{
    (void)state;
    struct place place;
    unlink(PATH);
    place_init(&place);
    failed_logins_load(&place.gather);
    assert_nothing(&place);
    assert_int_equal(mkdir(PATH, 0700), 0);
    failed_logins_load(&place.gather);
    assert_nothing(&place);
    assert_int_equal(rmdir(PATH), 0);
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
        assert_int_equal(place.servers[0].logins.failed_count,
                         has_count ? 15 : 0);
        assert_false(place.queues[0].key_refused);
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
                        place.servers[0].logins.failed_count == 0);
        }
    }
}

static void assert_age(uint64_t now_ms, int64_t failed_ago_ms, unsigned count,
                       uint64_t least_ms)
{
    struct gather_server server = {
        .logins = {.failed_count = 5,
                   .failed_at_ms = now_ms - (uint64_t)failed_ago_ms}};
    struct haplo_server_options options = {0};
    failed_logins_server_options(&server, &options);
    assert_int_equal(options.failed_logins, count);
    assert_in_range(options.failed_login_age_ms, least_ms, least_ms + 5000);
}

/* A clock that was set back or ran ahead must hold no server for longer than
 * the server itself would. */
static void a_time_that_is_yet_to_come_is_forgotten(void **state)
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
        cmocka_unit_test(a_time_that_is_yet_to_come_is_forgotten),
    };
    return cmocka_run_group_tests(tests, state_dir_make, state_dir_remove);
}
