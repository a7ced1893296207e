#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/identity.h"

/* Keys are stored by applications: they must be the same on every machine and
 * in every version. This one is published with xxHash. */
static void a_key_is_the_canonical_hash(void **state)
{
    (void)state;
    static const uint8_t empty[16] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47,
                                      0x98, 0xd8, 0x60, 0x01, 0xc3, 0x24,
                                      0x46, 0x8d, 0x49, 0x7f};
    struct haplo_message message = {.body = {"", 0}};
    identity_fill(&message, 1);
    assert_memory_equal(message.key, empty, sizeof empty);
}

/* A message is its exact bytes: whatever else is the same, one that differs in
 * a space is another one. */
static void keys_differ_where_bytes_do(void **state)
{
    (void)state;
    struct haplo_message messages[] = {{.body = {"{\"id\":1}", 8}},
                                       {.body = {"{\"id\": 1}", 9}},
                                       {.body = {"{\"id\":1}", 8}}};
    identity_fill(messages, 3);
    assert_memory_not_equal(messages[0].key, messages[1].key, 16);
    assert_memory_equal(messages[0].key, messages[2].key, 16);
}

/* Receivers know a message by its hash, which must not depend on whether it
 * comes with the key or from its stored bytes. */
static void the_hash_is_the_beginning_of_the_key(void **state)
{
    (void)state;
    const struct haplo_slice body = {"{\"id\":1}", 8};
    struct haplo_message message = {.body = body};
    uint8_t key[IDENTITY_KEY_SIZE];
    uint64_t hash = 0;
    identity_fill(&message, 1);
    identity_key(body, key);
    assert_memory_equal(message.key, key, sizeof key);
    for (size_t i = 0; i < 8; i++) {
        hash = hash << 8 | key[i];
    }
    assert_true(identity_hash(body) == hash);
    assert_true(identity_hash((struct haplo_slice){"", 0}) ==
                0x99aa06d3014798d8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_the_canonical_hash),
        cmocka_unit_test(keys_differ_where_bytes_do),
        cmocka_unit_test(the_hash_is_the_beginning_of_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
