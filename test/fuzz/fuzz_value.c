/*
 * Single values, as people write them. A byte chooses the kind; the rest is the
 * value. The library takes what its checks say, and the daemon the same.
 */
#include <string.h>

#include "base/key_shape.h"
#include "config/api_key.h"
#include "config/config_errors.h"
#include "config/units.h"
#include "core/json_pointer.h"
#include "taker.h"

static void check_units(const char *text)
{
    char shown[UNITS_TEXT_SIZE];
    uint64_t value;
    uint64_t again;
    if (duration_parse(text, &value) == 0) {
        FUZZ_CHECK(duration_parse(duration_format(value, shown), &again) == 0);
        FUZZ_CHECK(again == value);
    }
    if (size_parse(text, &value) == 0) {
        FUZZ_CHECK(size_parse(size_format(value, shown), &again) == 0);
        FUZZ_CHECK(again == value);
    }
    if (count_parse(text, &value) == 0) {
        FUZZ_CHECK(text[strspn(text, "0123456789")] == '\0');
    }
}

/* Its text is kept, and its names come back as they were written. */
static void check_pointer(const char *text)
{
    struct json_pointer pointer;
    struct reason why = {""};
    if (json_pointer_init(&pointer, text, &why) != 0) {
        FUZZ_CHECK(why.text[0] != '\0');
        check_line(why.text, sizeof why.text);
        return;
    }
    FUZZ_CHECK(strcmp(json_pointer_text(&pointer), text) == 0);
    for (size_t i = 0; i < pointer.count; i++) {
        FUZZ_CHECK(*text++ == '/');
        for (size_t j = 0; j < pointer.segments[i].size; j++) {
            char c = pointer.segments[i].name[j];
            FUZZ_CHECK(*text == (c == '~' || c == '/' ? '~' : c));
            text += c == '~' || c == '/' ? 2 : 1;
        }
    }
    FUZZ_CHECK(*text == '\0');
    json_pointer_free(&pointer);
}

static void check_server_url(const char *text)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    struct haplo_server *server;
    struct haplo_server_options options = {
        .struct_size = sizeof options, .name = "a", .url = text};
    struct haplo_poller *poller = taker_open();
    int error = haplo_url_check(text, false, why, sizeof why);
    check_line(why, sizeof why);
    FUZZ_CHECK((error == 0) == (why[0] == '\0'));
    FUZZ_CHECK(taker_add_server(poller, &options, &server) == error);
    options.allow_http = true;
    options.name = "b";
    FUZZ_CHECK(taker_add_server(poller, &options, &server) ==
               haplo_url_check(text, true, NULL, 0));
    taker_close(poller);
}

static void check_proxy_url(const char *text)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    struct haplo_server *server;
    const struct haplo_server_options options = {.struct_size = sizeof options,
                                                 .name = "a",
                                                 .url = "https://a.example",
                                                 .proxy = text};
    if (haplo_proxy_check(text, why, sizeof why) != 0) {
        FUZZ_CHECK(why[0] != '\0');
        return;
    }
    struct haplo_poller *poller = taker_open();
    FUZZ_CHECK(taker_add_server(poller, &options, &server) == 0);
    taker_close(poller);
}

static void check_name(const char *text)
{
    struct haplo_server *server;
    const struct haplo_server_options options = {.struct_size = sizeof options,
                                                 .name = text,
                                                 .url = "https://a.example"};
    struct haplo_poller *poller = taker_open();
    FUZZ_CHECK(taker_add_server(poller, &options, &server) ==
               haplo_name_check(text, NULL, 0));
    taker_close(poller);
}

/* The input is what is in the file. */
static void check_key_file(const char *data, size_t size)
{
    char path[64];
    struct api_key text;
    const char *key = text.revealed;
    char why[HAPLO_TEXT_SIZE_MAX];
    file_write("a", data, size);
    (void)snprintf(path, sizeof path, "%s/a", folder_path());
    const struct config_key from = {
        .kind = CONFIG_KEY_FILE, .name = path, .path = path};
    if (api_key_read(&from, &text, why, sizeof why) != 0) {
        FUZZ_CHECK(key[0] == '\0');
        check_line(why, sizeof why);
        FUZZ_CHECK(size < HAPLO_KEY_SIZE_MIN ||
                   memmem(why, strlen(why), data, size) == NULL);
        return;
    }
    FUZZ_CHECK(strlen(key) >= HAPLO_KEY_SIZE_MIN);
    FUZZ_CHECK(memcmp(key, data, strlen(key)) == 0);
    FUZZ_CHECK(size - strlen(key) <= 1);
    check_line(key, sizeof text.revealed);
}

static void check_shown(const char *text)
{
    char shown[CONFIG_SHOW_SIZE];
    (void)config_quote(text, shown);
    FUZZ_CHECK(strlen(shown) >= 2 && strlen(shown) < sizeof shown);
    FUZZ_CHECK(!api_key_is_like(text) || strcmp(shown, CONFIG_HIDDEN) == 0);
    for (const char *at = shown; *at != '\0'; at++) {
        FUZZ_CHECK((unsigned char)*at >= ' ' && *at != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint8_t kind = input_byte(&input);
    size_t rest_size;
    char *rest = input_rest(&input, &rest_size);
    input = (struct fuzz_input){(const uint8_t *)rest, rest_size};
    char *text = input_line(&input);
    switch (kind % 7) {
    case 0:
        check_units(text);
        break;
    case 1:
        check_pointer(text);
        break;
    case 2:
        check_server_url(text);
        break;
    case 3:
        check_proxy_url(text);
        break;
    case 4:
        check_key_file(rest, rest_size);
        break;
    case 5:
        check_name(text);
        break;
    default:
        check_shown(text);
    }
    free(text);
    free(rest);
    return 0;
}
