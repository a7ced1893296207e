/*
 * Arrays in PostgreSQL's binary format, byte for byte: the server takes them as
 * they are. And the names that go into SQL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inbox/postgres/pg_array.h"
#include "inbox/postgres/pg_names.h"

static void check(const struct pg_array *array, const char *bytes, size_t size)
{
    assert_int_equal(array->size, size);
    assert_memory_equal(array->bytes, bytes, size);
}

/* Header: one dimension, no NULLs, the type, the length, the first subscript.
 * Each element comes after its length. */
static void numbers_are_big_endian(void **state)
{
    static const char bytes[] = "\0\0\0\1\0\0\0\0\0\0\0\24\0\0\0\2\0\0\0\1"
                                "\0\0\0\10\0\0\0\0\0\0\1\2"
                                "\0\0\0\10\377\377\377\377\377\377\377\377";
    struct pg_array array;

    (void)state;
    pg_array_init(&array, PG_INT8);
    pg_array_number(&array, 258);
    pg_array_number(&array, -1);
    assert_int_equal(pg_array_finish(&array), 0);
    check(&array, bytes, sizeof(bytes) - 1);
    pg_array_free(&array);
}

/* A message may contain any bytes, or none. */
static void bytes_are_copied_as_they_are(void **state)
{
    static const char bytes[] = "\0\0\0\1\0\0\0\0\0\0\0\21\0\0\0\2\0\0\0\1"
                                "\0\0\0\3a\0\\"
                                "\0\0\0\0";
    struct pg_array array;

    (void)state;
    pg_array_init(&array, PG_BYTEA);
    pg_array_bytes(&array, (struct haplo_slice){"a\0\\", 3});
    pg_array_bytes(&array, (struct haplo_slice){NULL, 0});
    assert_int_equal(pg_array_finish(&array), 0);
    check(&array, bytes, sizeof(bytes) - 1);
    pg_array_free(&array);
}

/* What has no elements is left out of a transaction: then one that had no room
 * for its first element would be committed without it. */
static void an_array_without_room_is_not_empty(void **state)
{
    struct pg_array array;

    (void)state;
    pg_array_init(&array, PG_BYTEA);
    pg_array_bytes(&array, (struct haplo_slice){"", (size_t)1 << 30});
    assert_int_equal(array.count, 1);
    assert_int_equal(pg_array_finish(&array), HAPLO_ETOOBIG);
    pg_array_free(&array);
}

/* The server sends drawn numbers in the same format. */
static void numbers_are_read_as_they_are_written(void **state)
{
    struct pg_array array;
    struct haplo_slice numbers;

    (void)state;
    pg_array_init(&array, PG_INT8);
    pg_array_number(&array, 258);
    pg_array_number(&array, INT64_MIN);
    assert_int_equal(pg_array_finish(&array), 0);
    numbers = (struct haplo_slice){array.bytes, array.size};
    assert_int_equal(pg_array_number_count(numbers), 2);
    assert_int_equal(pg_array_number_at(numbers, 0), 258);
    assert_true(pg_array_number_at(numbers, 1) == INT64_MIN);
    pg_array_clear(&array);
    assert_int_equal(pg_array_finish(&array), 0);
    numbers = (struct haplo_slice){array.bytes, array.size};
    assert_int_equal(pg_array_number_count(numbers), 0);
    assert_int_equal(pg_array_number_count((struct haplo_slice){NULL, 0}), 0);
    pg_array_free(&array);
}

/* What is to be sent again one by one must be what was collected. */
static void elements_are_found_one_after_the_other(void **state)
{
    static const char *const bodies[] = {"first", "", "the last one"};
    struct pg_array array;
    size_t offset = 0;

    (void)state;
    pg_array_init(&array, PG_BYTEA);
    for (size_t i = 0; i < 3; i++) {
        pg_array_bytes(&array,
                       (struct haplo_slice){bodies[i], strlen(bodies[i])});
    }
    assert_int_equal(pg_array_finish(&array), 0);
    for (size_t i = 0; i < 3; i++) {
        struct haplo_slice body = pg_array_next(&array, &offset);

        assert_int_equal(body.size, strlen(bodies[i]));
        assert_memory_equal(body.data, bodies[i], body.size);
    }
    pg_array_free(&array);
}

/* NULL is not the empty text. */
static void null_has_no_length(void **state)
{
    static const char bytes[] = "\0\0\0\1\0\0\0\1\0\0\0\31\0\0\0\3\0\0\0\1"
                                "\377\377\377\377"
                                "\0\0\0\0"
                                "\0\0\0\1x";
    struct pg_array array;

    (void)state;
    pg_array_init(&array, PG_TEXT);
    pg_array_null(&array);
    pg_array_text(&array, "");
    pg_array_text(&array, "x");
    assert_int_equal(pg_array_finish(&array), 0);
    check(&array, bytes, sizeof(bytes) - 1);
    pg_array_free(&array);
}

/* An empty array has no dimension, and one that is cleared starts again. */
static void a_cleared_array_is_empty(void **state)
{
    static const char empty[] = "\0\0\0\0\0\0\0\0\0\0\0\20";
    static const char one[] = "\0\0\0\1\0\0\0\0\0\0\0\20\0\0\0\1\0\0\0\1"
                              "\0\0\0\1\1";
    struct pg_array array;

    (void)state;
    pg_array_init(&array, PG_BOOL);
    assert_int_equal(pg_array_finish(&array), 0);
    check(&array, empty, sizeof(empty) - 1);
    pg_array_clear(&array);
    pg_array_null(&array);
    pg_array_clear(&array);
    pg_array_bool(&array, true);
    assert_int_equal(pg_array_finish(&array), 0);
    check(&array, one, sizeof(one) - 1);
    pg_array_free(&array);
}

/* Memory for one huge batch is not kept. */
static void a_large_array_gives_its_memory_up(void **state)
{
    static char large[2 << 20];
    struct pg_array array;

    (void)state;
    pg_array_init(&array, PG_BYTEA);
    pg_array_bytes(&array, (struct haplo_slice){large, sizeof(large)});
    assert_int_equal(pg_array_finish(&array), 0);
    pg_array_clear(&array);
    assert_int_equal(array.capacity, 0);
    pg_array_bytes(&array, (struct haplo_slice){"a", 1});
    assert_int_equal(pg_array_finish(&array), 0);
    assert_int_equal(array.count, 1);
    pg_array_free(&array);
}

/* PostgreSQL receives no more than 1 GB at once: such a batch can never be
 * stored, which is something else than a lack of memory. */
static void an_array_beyond_the_limit_is_too_big(void **state)
{
    struct pg_array array;

    (void)state;
    pg_array_init(&array, PG_BYTEA);
    pg_array_bytes(&array, (struct haplo_slice){"", (size_t)1 << 30});
    pg_array_bytes(&array, (struct haplo_slice){"a", 1});
    assert_int_equal(pg_array_finish(&array), HAPLO_ETOOBIG);
    pg_array_clear(&array);
    pg_array_bytes(&array, (struct haplo_slice){"a", 1});
    assert_int_equal(pg_array_finish(&array), 0);
    pg_array_free(&array);
}

/* The schema is the only part of any SQL that comes from somebody else. */
static void sql_is_qualified_with_the_schema(void **state)
{
    char *sql = pg_names_expand("my_Schema", "SELECT 1 FROM @a, @b");

    (void)state;
    assert_string_equal(sql, "SELECT 1 FROM \"my_Schema\".a, \"my_Schema\".b");
    free(sql);
    sql = pg_names_expand("s", "");
    assert_string_equal(sql, "");
    free(sql);
}

/* Nothing that could end the quotes, or that PostgreSQL would change. */
static void names_of_schemas_are_checked(void **state)
{
    static const char *const bad[] = {"",     "a b", "a\"b",     "1a", "a.b",
                                      "pg_x", "a;",  "\xc3\xa4", "a-b"};
    char why[HAPLO_TEXT_SIZE_MAX];
    char name[PG_SCHEMA_NAME_SIZE_MAX + 1];

    (void)state;
    assert_int_equal(pg_names_check("haplo", NULL, 0), 0);
    assert_int_equal(pg_names_check("_Haplo_2", NULL, 0), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(pg_names_check(bad[i], why, sizeof(why)),
                         HAPLO_EINVAL);
        assert_true(strlen(why) > 0);
    }
    memset(name, 'a', sizeof(name));
    name[PG_SCHEMA_NAME_SIZE_MAX - 1] = '\0';
    assert_int_equal(pg_names_check(name, NULL, 0), 0);
    name[PG_SCHEMA_NAME_SIZE_MAX - 1] = 'a';
    name[PG_SCHEMA_NAME_SIZE_MAX] = '\0';
    assert_int_equal(pg_names_check(name, NULL, 0), HAPLO_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(bytes_are_copied_as_they_are),
        cmocka_unit_test(an_array_without_room_is_not_empty),
        cmocka_unit_test(numbers_are_read_as_they_are_written),
        cmocka_unit_test(elements_are_found_one_after_the_other),
        cmocka_unit_test(null_has_no_length),
        cmocka_unit_test(a_cleared_array_is_empty),
        cmocka_unit_test(a_large_array_gives_its_memory_up),
        cmocka_unit_test(an_array_beyond_the_limit_is_too_big),
        cmocka_unit_test(sql_is_qualified_with_the_schema),
        cmocka_unit_test(names_of_schemas_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
