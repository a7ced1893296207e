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
#include "daemon/gather/failed_logins_file.h"
#include "daemon/gather/gather.h"

#define PATH "state/" FAILED_LOGINS_FILE
#define FIRST "haplo-poll failed logins 2\n"

/* Two servers, "a" with queues "x" and "y", "b" with "x"; only the poller is
 * open, and it has none of them. */
struct place {
    uv_loop_t loop;
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
    queue->server = server;
    assert_int_equal(name_table_add(&server->queues, queue), 0);
}

static void server_add(struct place *place, size_t index, const char *name)
{
    struct gather_server *server = &place->servers[index];
    place->config_servers[index].options.name = name;
    server->config = &place->config_servers[index];
    server->gather = &place->gather;
    server->name = (char *)name;
    server->queues.name_of = queue_name_of;
    assert_int_equal(name_table_add(&place->gather.servers, server), 0);
}

static void place_init(struct place *place)
{
    *place = (struct place){.gather.servers.name_of = server_name_of,
                            .config.state_dir = "state"};
    place->gather.config = &place->config;
    assert_int_equal(uv_loop_init(&place->loop), 0);
    assert_int_equal(
        haplo_poller_new(&place->loop, NULL, &place->gather.poller, NULL, 0),
        0);
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
    failed_logins_free(&place->gather.failed_logins);
    haplo_poller_close(place->gather.poller, NULL);
    assert_int_equal(uv_run(&place->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&place->loop), 0);
}

/* Reads a file of that text. True if it has counts. */
static bool load_text(struct place *place, const char *text, size_t size)
{
    FILE *file = fopen(PATH, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    place_init(place);
    return failed_logins_load(&place->gather.failed_logins);
}

/* What the poller has for a site. */
struct logins {
    const char *site;
    unsigned count;
    uint64_t age_ms;
};

static void on_logins(void *data, const struct haplo_failed_logins *found)
{
    struct logins *logins = data;
    if (logins->site == NULL || strcmp(found->site, logins->site) == 0) {
        logins->count = found->count;
        logins->age_ms = found->age_ms;
    }
}

/* site NULL: any. */
static struct logins logins_at(const struct place *place, const char *site)
{
    struct logins logins = {.site = site};
    haplo_poller_failed_logins(place->gather.poller, on_logins, &logins);
    return logins;
}

static void assert_nothing(const struct place *place)
{
    assert_int_equal(logins_at(place, NULL).count, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_false(place->queues[i].key_refused);
    }
}

/* Each site has a separate count, whatever the servers are called now; the
 * queues are found by their names. */
static void each_site_has_its_own_count(void **state)
{
    (void)state;
    char text[512];
    struct place place;
    uint64_t now_ms = wall_clock_ms();
    int size =
        snprintf(text, sizeof text,
                 FIRST "logins 192.0.2.1:443 - 7 %" PRIu64 "\n"
                       "logins [2001:db8::1]:443 192.0.2.1:443 7 %" PRIu64 "\n"
                       "logins =central - 2 %" PRIu64 "\n"
                       "refused b x\n"
                       "refused gone x\n"
                       "refused a gone\n"
                       "refused a y\n",
                 now_ms, now_ms, now_ms - 100000);
    assert_true(load_text(&place, text, (size_t)size));
    assert_int_equal(logins_at(&place, "192.0.2.1:443").count, 7);
    assert_int_equal(logins_at(&place, "[2001:db8::1]:443").count, 7);
    assert_int_equal(logins_at(&place, "=central").count, 2);
    assert_in_range(logins_at(&place, "=central").age_ms, 100000, 105000);
    assert_int_equal(logins_at(&place, "a").count, 0);
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

static int print_good(char text[128])
{
    return snprintf(
        text, 128, FIRST "logins a.example:443 - 15 %" PRIu64 "\nrefused a x\n",
        wall_clock_ms());
}

/* Half a line must not pass for another one: "15" cut to "1" would. */
static void a_file_cut_anywhere_is_read_to_its_last_whole_line(void **state)
{
    (void)state;
    char text[128];
    const size_t whole = (size_t)print_good(text);
    const size_t second_end = whole - strlen("refused a x\n");
    struct place place;
    for (size_t size = 0; size < whole; size++) {
        bool has_count = size >= second_end;
        assert_int_equal(load_text(&place, text, size), has_count);
        assert_int_equal(logins_at(&place, NULL).count, has_count ? 15 : 0);
        assert_false(place.queues[0].key_refused);
        place_free(&place);
    }
}

/* Any byte may be another one. */
static void a_file_with_any_byte_changed_is_read_somehow(void **state)
{
    (void)state;
    char good[128];
    char text[128];
    const size_t size = (size_t)print_good(good);
    struct place place;
    for (size_t i = 0; i < size; i++) {
        for (int byte = 0; byte < 256; byte += i < strlen(FIRST) ? 37 : 5) {
            memcpy(text, good, sizeof good);
            text[i] = (char)byte;
            load_text(&place, text, size);
            assert_true(i >= strlen(FIRST) || text[i] == good[i] ||
                        logins_at(&place, NULL).count == 0);
            place_free(&place);
        }
    }
}

static void assert_file(const char *expected)
{
    char text[512] = "";
    FILE *file = fopen(PATH, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, expected);
}

/* A configuration without a queue must not cost what is known of its key. */
static void a_queue_that_is_not_configured_stays_in_the_file(void **state)
{
    (void)state;
    const char damaged[] = FIRST "refused a y\nrefused gone x\n?\n";
    struct place place;
    load_text(&place, damaged, strlen(damaged)); /* and rewrites it */
    assert_file(FIRST "refused gone x\nrefused a y\n");
    place_free(&place);
}

/* A queue that a reload removes, and adds again later, goes on from what is
 * stored of it. That does not prove its key. */
static void a_queue_that_comes_back_is_still_refused(void **state)
{
    (void)state;
    const char text[] = FIRST "refused a y\nrefused b gone\n";
    struct place place;
    load_text(&place, text, strlen(text));
    for (size_t i = 0; i < 3; i++) {
        failed_logins_leave(&place.queues[i]);
        place.queues[i].key_refused = false;
        failed_logins_enter(&place.queues[i]);
        assert_int_equal(place.queues[i].key_refused, i == 1);
    }
    place.config_queues[2].name = "gone";
    failed_logins_enter(&place.queues[2]);
    assert_true(place.queues[2].key_refused);
    failed_logins_enter(&place.queues[2]); /* its key worked, and it left */
    assert_false(place.queues[2].key_refused);
    place_free(&place);
}

static void assert_age(int64_t failed_ago_ms, unsigned count)
{
    char text[128];
    struct place place;
    int size =
        snprintf(text, sizeof text, FIRST "logins a:443 - 5 %" PRIu64 "\n",
                 wall_clock_ms() - (uint64_t)failed_ago_ms);
    assert_int_equal(load_text(&place, text, (size_t)size), count > 0);
    struct logins logins = logins_at(&place, "a:443");
    assert_int_equal(logins.count, count);
    if (count > 0) {
        assert_in_range(logins.age_ms, (uint64_t)failed_ago_ms,
                        (uint64_t)failed_ago_ms + 5000);
    }
    place_free(&place);
}

/* A clock that was set back or ran ahead must hold no server for longer than
 * the server itself would. */
static void a_time_in_the_future_is_forgotten(void **state)
{
    (void)state;
    assert_age(0, 5);
    assert_age(200000, 5);
    assert_age(310000, 0);
    assert_age(-60000, 0);
    assert_age(-INT64_C(1000000000000000), 0);
    assert_age((int64_t)wall_clock_ms(), 0);
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
        cmocka_unit_test(each_site_has_its_own_count),
        cmocka_unit_test(no_file_is_nothing_to_tell),
        cmocka_unit_test(a_file_cut_anywhere_is_read_to_its_last_whole_line),
        cmocka_unit_test(a_file_with_any_byte_changed_is_read_somehow),
        cmocka_unit_test(a_queue_that_is_not_configured_stays_in_the_file),
        cmocka_unit_test(a_queue_that_comes_back_is_still_refused),
        cmocka_unit_test(a_time_in_the_future_is_forgotten),
    };
    return cmocka_run_group_tests(tests, state_dir_make, state_dir_remove);
}
