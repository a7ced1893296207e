#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json_reader.h"
#include "failing_allocator.h"

/* Writes what goes by into a trace: kind, slice of the token, depth. */
struct trace {
    struct json_reader reader;
    char text[4096];
    size_t size;
    size_t before; /* end of the newest token */
    bool is_sound; /* all strings so far */
};

static void trace_add(struct trace *trace, const char *what)
{
    size_t start = json_reader_token_start(&trace->reader, trace->before);
    size_t end = json_reader_token_end(&trace->reader);
    int size =
        snprintf(trace->text + trace->size, sizeof trace->text - trace->size,
                 "%s%zu:%.*s ", what, trace->reader.depth, (int)(end - start),
                 trace->reader.text + start);
    assert_in_range(size, 1, sizeof trace->text - trace->size - 1);
    trace->size += (size_t)size;
    trace->before = end;
}

static bool on_value(void *context, enum json_kind kind, const char *text,
                     size_t size)
{
    (void)text;
    (void)size;
    struct trace *trace = context;
    if (kind == JSON_STRING) {
        trace->is_sound &=
            json_reader_string_is_sound(&trace->reader, trace->before);
    }
    trace_add(trace, "v");
    return true;
}

static bool on_key(void *context, const char *name, size_t size)
{
    (void)name;
    (void)size;
    trace_add(context, "k");
    return true;
}

static bool on_close(void *context)
{
    trace_add(context, "c");
    return true;
}

static const struct json_events tracing = {on_value, on_key, on_close};

static int trace_in_steps(struct trace *trace, const char *text, size_t size,
                          size_t step, struct reason *why)
{
    int error = 0;
    trace->size = 0;
    trace->text[0] = '\0';
    trace->before = 0;
    trace->is_sound = true;
    json_reader_init(&trace->reader, &tracing, trace);
    for (size_t at = step; error == 0 && at < size; at += step) {
        error = json_reader_feed(&trace->reader, text, at, why);
    }
    error = json_reader_finish(&trace->reader, text, size, why);
    json_reader_free(&trace->reader);
    return error;
}

/* Slices of messages are cut where the tokens are: they must be exact however
 * the bytes arrive. */
static void tokens_are_placed_alike_in_any_chunks(void **state)
{
    (void)state;
    static const char text[] = " { \"a\" : [ 1,-2.5e+3 , true,null,false,"
                               "\"x\\n\\u0000\xc3\xa9\" ] ,\n\t\"\\u0062\":{"
                               "},\"c\":[[],\"\"]}\r\n";
    static const char expected[] =
        "v0:{ k1:\"a\" v1:[ v2:1 v2:-2.5e+3 v2:true v2:null v2:false "
        "v2:\"x\\n\\u0000\xc3\xa9\" c1:] k1:\"\\u0062\" v1:{ c1:} "
        "k1:\"c\" v1:[ v2:[ c2:] v2:\"\" c1:] c0:} ";
    struct trace trace;
    for (size_t step = 1; step <= sizeof text; step++) {
        assert_int_equal(
            trace_in_steps(&trace, text, sizeof text - 1, step, NULL), 0);
        assert_string_equal(trace.text, expected);
    }
}

/* yajl takes an unfinished token behind the document for its end, and a body
 * with something behind it is not the one that the server meant. */
static void nothing_may_be_behind_the_document(void **state)
{
    (void)state;
    static const char *const behind[] = {"{}x",     "{}{}", "{}\"",
                                         "{}\"abc", "{}t",  "{}1",
                                         "{} \n,",  "{}]",  "{}\"\\"};
    struct trace trace;
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        size_t size = strlen(behind[i]);
        struct reason why = {""};
        assert_int_equal(trace_in_steps(&trace, behind[i], size, size, &why),
                         HAPLO_EDOCUMENT);
        assert_non_null(strstr(why.text, "byte"));
        assert_int_equal(trace_in_steps(&trace, behind[i], size, 1, NULL),
                         HAPLO_EDOCUMENT);
    }
    assert_int_equal(trace_in_steps(&trace, "{} \r\n", 5, 1, NULL), 0);
}

/* A body that was cut must never pass for a whole one. */
static void every_beginning_of_a_document_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,\"\\u00e9\",{\"b\":null}],\"c\":-0.5}";
    struct trace trace;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        struct reason why = {""};
        assert_int_equal(trace_in_steps(&trace, text, size, 7, &why),
                         HAPLO_EDOCUMENT);
        assert_string_not_equal(why.text, "");
    }
}

/* The offset is what somebody needs to find the fault in a saved answer. */
static void the_text_tells_the_place_and_the_fault(void **state)
{
    (void)state;
    struct trace trace;
    struct reason why;
    assert_int_equal(trace_in_steps(&trace, "{\"a\":1 \"b\":2}", 13, 1, &why),
                     HAPLO_EDOCUMENT);
    assert_non_null(strstr(why.text, "not a JSON document: at byte "));
    assert_non_null(strstr(why.text, "I expect ',' or '}'"));
    assert_null(strchr(why.text, '\n'));
    assert_null(strchr(why.text, '?'));
    assert_int_equal(trace_in_steps(&trace, "{\"a\":", 5, 9, &why),
                     HAPLO_EDOCUMENT);
    assert_string_equal(why.text, "the response is not a JSON document: at "
                                  "byte 5: parse error: premature EOF");
}

/* What Windows programs write: the fault is not visible in an editor. However
 * few bytes come first, the text is the same. */
static void a_wrong_encoding_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } cases[] = {
        {"\xef\xbb\xbf{}", 5, "begins with a byte order mark"},
        {"\xef\xbb\xbf", 3, "begins with a byte order mark"},
        {"\xff\xfe{\0}\0", 6, "begins with a byte order mark"},
        {"\xfe\xff\0{\0}", 6, "begins with a byte order mark"},
        {"{\0}\0", 4, "is UTF-16"},
        {"\0{\0}", 4, "is UTF-16"},
        {"x", 1, "at byte "},
        {"\xef\xbb{}", 4, "at byte "},
        {"\xff\xff\xff{}", 5, "at byte "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t step = 1; step <= cases[i].size; step++) {
            struct trace trace;
            struct reason why;
            assert_int_equal(trace_in_steps(&trace, cases[i].bytes,
                                            cases[i].size, step, &why),
                             HAPLO_EDOCUMENT);
            if (strstr(why.text, cases[i].says) == NULL) {
                fail_msg("%zu, %zu bytes at a time: %s", i, step, why.text);
            }
        }
    }
}

static bool ignore_value(void *context, enum json_kind kind, const char *text,
                         size_t size)
{
    (void)context;
    (void)kind;
    (void)text;
    (void)size;
    return true;
}

static bool ignore_key(void *context, const char *name, size_t size)
{
    (void)context;
    (void)name;
    (void)size;
    return true;
}

static bool ignore_close(void *context)
{
    (void)context;
    return true;
}

static const struct json_events ignoring = {ignore_value, ignore_key,
                                            ignore_close};

/* yajl itself has no limit, and what reads the messages later has one. */
static void depth_has_a_limit(void **state)
{
    (void)state;
    char text[2 * JSON_READER_DEPTH_MAX + 2];
    for (size_t depth = JSON_READER_DEPTH_MAX;
         depth <= JSON_READER_DEPTH_MAX + 1; depth++) {
        struct json_reader reader;
        struct reason why = {""};
        bool fits = depth <= JSON_READER_DEPTH_MAX;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        json_reader_init(&reader, &ignoring, NULL);
        assert_int_equal(json_reader_finish(&reader, text, 2 * depth, &why),
                         fits ? 0 : HAPLO_EDOCUMENT);
        assert_true(fits == (strstr(why.text, "1024") == NULL));
        json_reader_free(&reader);
    }
    assert_int_equal(allocator_held, 0);
}

/* yajl rescans a token from its start with each chunk: 16 MB in one string
 * would take it minutes of the loop's time, and a hostile server any time. */
static void a_long_token_takes_no_quadratic_time(void **state)
{
    (void)state;
    const size_t size = 16 << 20;
    char *text = malloc(size);
    struct json_reader reader;
    assert_non_null(text);
    memset(text, 'x', size);
    text[0] = '"';
    text[size - 1] = '"';
    json_reader_init(&reader, &ignoring, NULL);
    for (size_t at = 1; at < size; at += 1000) {
        assert_int_equal(json_reader_feed(&reader, text, at, NULL), 0);
    }
    assert_int_equal(json_reader_finish(&reader, text, size, NULL), 0);
    json_reader_free(&reader);
    free(text);
    assert_int_equal(allocator_held, 0);
}

/* yajl does not look at what its allocations return. Whichever fails, it must
 * end in HAPLO_ENOMEM, not in a write to NULL. */
static void any_failing_allocation_is_survived(void **state)
{
    (void)state;
    const size_t size = 100000;
    char *text = malloc(size);
    struct json_reader reader;
    size_t fails = 0;
    int error;
    assert_non_null(text);
    memset(text, 'n', size);
    for (size_t i = 1; i < size - 2; i += 1000) {
        memcpy(text + i, "\\n", 2);
    }
    text[0] = '"';
    text[size - 1] = '"';
    do {
        allocator_reset(++fails);
        json_reader_init(&reader, &ignoring, NULL);
        for (size_t at = 100; at < size; at += 100) {
            if (json_reader_feed(&reader, text, at, NULL) != 0) {
                break;
            }
        }
        error = json_reader_finish(&reader, text, size, NULL);
        assert_true(error == 0 || error == HAPLO_ENOMEM);
        json_reader_free(&reader);
        assert_int_equal(allocator_held, 0);
    } while (error != 0);
    assert_in_range(fails, 5, 100);
    allocator_reset(0);
    free(text);
}

/* Steady polling must allocate nothing. */
static void an_ordinary_document_needs_no_allocation(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[{\"b\":\"c\\u00e9\\n\"},[[[1]]]]}";
    struct trace trace;
    allocator_reset(1);
    assert_int_equal(trace_in_steps(&trace, text, sizeof text - 1, 1, NULL), 0);
    assert_int_equal(allocator_calls, 0);
    allocator_reset(0);
}

/* yajl drops a character behind half a surrogate pair: a token read so would
 * be another one. */
static void half_a_character_is_noticed(void **state)
{
    (void)state;
    static const char *const sound[] = {
        "\"\"",
        "\"abc\"",
        "\"\\ud83d\\ude00\"",
        "\"\\\\ud800\"",
        "\"\\uD83D\\uDE00x\"",
        "\"\\u0000\\ue000\\ud7ff\"",
    };
    static const char *const broken[] = {
        "\"\\ud800\"",    "\"\\ud800x\"",        "\"\\udc00\"",
        "\"\\ud83d\\n\"", "\"x\\ud800\\u0041\"", "\"\\ud83d\\ud83d\\ude00\"",
    };
    struct trace trace;
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
        size_t size = strlen(sound[i]);
        assert_int_equal(trace_in_steps(&trace, sound[i], size, 1, NULL), 0);
        assert_true(trace.is_sound);
    }
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        size_t size = strlen(broken[i]);
        assert_int_equal(trace_in_steps(&trace, broken[i], size, 1, NULL), 0);
        assert_false(trace.is_sound);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_placed_alike_in_any_chunks),
        cmocka_unit_test(nothing_may_be_behind_the_document),
        cmocka_unit_test(every_beginning_of_a_document_is_refused),
        cmocka_unit_test(the_text_tells_the_place_and_the_fault),
        cmocka_unit_test(a_wrong_encoding_is_named),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(a_long_token_takes_no_quadratic_time),
        cmocka_unit_test(any_failing_allocation_is_survived),
        cmocka_unit_test(an_ordinary_document_needs_no_allocation),
        cmocka_unit_test(half_a_character_is_noticed),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
