#include "poller_scene.h"

/* Base64 of "service:" and KEY. */
#define SERVICE_KEY_SENT                                                   \
    "c2VydmljZTplQl9SS1l2WWxwRGJNTHJKYzdCQkJnbmQtU3N5WGg4cVBFalhtMlplUk1M" \
    "MA=="

/* A poller with a server like this, and a queue with one message. */
static struct scene *dialect_open(struct haplo_server_options options,
                                  const char *prefix)
{
    struct scene *scene = scene_new();
    struct haplo_poller_options of_poller = poller_options(scene);
    scene_start(scene, &of_poller);
    scene_add_server(scene, options);
    scene->fakes[0].prefix = prefix;
    return scene;
}

/* A reverse proxy that serves several servers under one name. */
static void the_path_of_the_url_is_in_front_of_all_requests(void **state)
{
    static const char *const urls[] = {"/haplo/live", "/haplo/live/"};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct scene *scene =
            dialect_open((struct haplo_server_options){.url = urls[i]},
                         "/haplo/live/api/haplo-integration-messages/poll/");
        const struct watch *watch = scene_add(scene, "q1", 1);
        RUN_UNTIL(scene, watch->marked_count == 1);
        assert_int_equal(watch->fake->unread, 0);
        assert_string_equal(
            scene->fakes[0].path,
            "/haplo/live/api/haplo-integration-messages/poll/q1/mark");
        scene_close(scene);
    }
}

/* A server that was modified: everything that it has in another form. */
static void paths_user_and_field_can_be_those_of_a_modified_server(void **state)
{
    (void)state;
    struct scene *scene =
        dialect_open((struct haplo_server_options){.url = "/x",
                                                   .fetch_path = "/q-{queue}/",
                                                   .mark_path = "/q-{queue}/ok",
                                                   .user = "service",
                                                   .token_field = "batch"},
                     "/x/q-");
    scene->fakes[0].form_field = "batch";
    const struct watch *watch = scene_add(scene, "q1", 1);
    RUN_UNTIL(scene, watch->deliver_count == 1);
    assert_string_equal(scene->fakes[0].path, "/x/q-q1/");
    RUN_UNTIL(scene, watch->marked_count == 1);
    assert_string_equal(scene->fakes[0].path, "/x/q-q1/ok");
    assert_string_equal(watch->fake->login, SERVICE_KEY_SENT);
    assert_int_equal(watch->fake->unread, 0);
    scene_close(scene);
}

/* Batches are pooled by the poller: a form must not be the one of the server
 * that used its memory before. */
static void two_servers_each_get_their_own_dialect(void **state)
{
    (void)state;
    struct scene *scene = dialect_open(
        (struct haplo_server_options){.token_field = "longer_than_token"},
        NULL);
    scene->fakes[0].form_field = "longer_than_token";
    const struct watch *first = scene_add(scene, "q1", 40);
    scene_add_server(scene, (struct haplo_server_options){0});
    const struct watch *second = scene_add(scene, "q2", 40);
    RUN_UNTIL(scene, first->fake->unread == 0 && second->fake->unread == 0);
    assert_string_equal(first->fake->login, KEY_SENT);
    assert_string_equal(second->fake->login, KEY_SENT);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_of_the_url_is_in_front_of_all_requests),
        cmocka_unit_test(
            paths_user_and_field_can_be_those_of_a_modified_server),
        cmocka_unit_test(two_servers_each_get_their_own_dialect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
