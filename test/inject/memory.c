/*
 * memory.c - this process's malloc(): glibc's or the sanitizer's, unless it is
 * to fail. It replaces malloc() for every library, as glibc's manual allows
 * ("Replacing malloc"), so that one place makes them all fail, including
 * getaddrinfo(), SQLite and OpenSSL. The return address of the call shows who
 * asks for memory.
 */
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *block, size_t size);
void REAL(free)(void *block);

#define EXPORTED __attribute__((visibility("default")))

EXPORTED atomic_long memory_held;

/* Who asks */

#define OBJECTS_MAX 64

struct object {
    uintptr_t begin;
    uintptr_t end;
    enum asker asker;
    bool is_hoarder; /* see count() */
};

static struct object objects[OBJECTS_MAX];
static unsigned object_count;
static bool is_ready; /* not while a sanitizer sets itself up */

/* The program itself is the test's side: the product asks through calls.c. */
static enum asker asker_of(const char *path)
{
    static const struct {
        const char *prefix;
        enum asker asker;
    } names[] = {
        {"libuv.", ASKER_LIBUV},       {"libcurl.", ASKER_LIBCURL},
        {"libcurl-", ASKER_LIBCURL},   {"libyajl.", ASKER_YAJL},
        {"libtre.", ASKER_TRE},        {"libsqlite3.", ASKER_SQLITE},
        {"libyaml", ASKER_YAML},       {"libssl.", ASKER_OPENSSL},
        {"libcrypto.", ASKER_OPENSSL}, {"libc.", ASKER_LIBC},
        {"ld-linux", ASKER_SPARED},    {"libcmocka.", ASKER_SPARED},
        {"libasan.", ASKER_SPARED},    {"libubsan.", ASKER_SPARED},
        {"libtsan.", ASKER_SPARED},    {"linux-vdso", ASKER_SPARED},
    };
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (name[0] == '\0') {
        return ASKER_SPARED;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(name, names[i].prefix, strlen(names[i].prefix)) == 0) {
            return names[i].asker;
        }
    }
    return ASKER_OTHER;
}

static int object_note(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0) {
            continue;
        }
        if (object_count == OBJECTS_MAX) {
            abort();
        }
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
        enum asker asker = asker_of(info->dlpi_name);
        objects[object_count++] = (struct object){
            .begin = begin,
            .end = begin + segment->p_memsz,
            .asker = asker,
            .is_hoarder = asker == ASKER_OPENSSL ||
                          strstr(info->dlpi_name, "/ld-") != NULL,
        };
    }
    return 0;
}

__attribute__((constructor)) static void objects_note(void)
{
    dl_iterate_phdr(object_note, NULL);
    is_ready = true;
    fault_arm_from_environment();
}

static const struct object *object_at(const void *address)
{
    uintptr_t at = (uintptr_t)address;
    for (unsigned i = 0; i < object_count; i++) {
        if (at >= objects[i].begin && at < objects[i].end) {
            return &objects[i];
        }
    }
    return NULL;
}

enum asker fault_asker_at(const void *address)
{
    const struct object *object = object_at(address);
    return object != NULL ? object->asker : ASKER_SPARED;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static _Thread_local bool has_begun; /* somebody but libc has asked here */

/* What libc asks for while the sanitizer looks at the stack of a new thread:
 * that must not fail. */
static bool is_of_sanitizer(enum asker asker)
{
    has_begun |= asker != ASKER_LIBC;
    return !has_begun;
}
#else
static bool is_of_sanitizer(enum asker asker)
{
    (void)asker;
    return false;
}
#endif

static bool fails(const void *caller)
{
    if (!fault_is_armed()) {
        return false;
    }
    enum asker asker = fault_asker_at(caller);
    return !is_of_sanitizer(asker) && fault_hits_memory(asker);
}

/* What is held */

/* By address, as blocks are often freed by another library than asked for
 * them. Open addresses, no tombstones; at most half full. */
#define HELD_SLOTS ((size_t)1 << 20)

static void *held[HELD_SLOTS];
static atomic_flag held_lock = ATOMIC_FLAG_INIT;

static size_t slot_of(const void *block)
{
    uint64_t hash = (uint64_t)(uintptr_t)block * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> 44) % HELD_SLOTS;
}

static void lock(void)
{
    while (atomic_flag_test_and_set(&held_lock)) {
    }
}

static void unlock(void)
{
    atomic_flag_clear(&held_lock);
}

/* What the loader holds belongs to threads, and glibc keeps it for the next
 * ones when they have ended; OpenSSL keeps what it has looked up. Neither is
 * lost; the leak sanitizer looks at them, too. */
static void hold(void *block, const void *caller)
{
    if (block == NULL || !is_ready) {
        return;
    }
    const struct object *object = object_at(caller);
    if (object != NULL && object->is_hoarder) {
        return;
    }
    lock();
    size_t at = slot_of(block);
    while (held[at] != NULL) {
        at = (at + 1) % HELD_SLOTS;
    }
    held[at] = block;
    unlock();
    if (atomic_fetch_add(&memory_held, 1) > (long)(HELD_SLOTS / 2)) {
        abort();
    }
}

/* Closes the gap, so that what stands behind is still found. */
static void slot_clear(size_t gap)
{
    held[gap] = NULL;
    for (size_t at = (gap + 1) % HELD_SLOTS; held[at] != NULL;
         at = (at + 1) % HELD_SLOTS) {
        size_t home = slot_of(held[at]);
        if ((at - home) % HELD_SLOTS >= (at - gap) % HELD_SLOTS) {
            held[gap] = held[at];
            held[at] = NULL;
            gap = at;
        }
    }
}

/* True if it was held. */
static bool let_go(const void *block)
{
    if (!is_ready) {
        return false;
    }
    lock();
    size_t at = slot_of(block);
    while (held[at] != NULL && held[at] != block) {
        at = (at + 1) % HELD_SLOTS;
    }
    bool was_held = held[at] != NULL;
    if (was_held) {
        slot_clear(at);
    }
    unlock();
    atomic_fetch_sub(&memory_held, was_held);
    return was_held;
}

/* malloc() and its kin */

EXPORTED void *malloc(size_t size)
{
    const void *caller = __builtin_return_address(0);
    if (fails(caller)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = REAL(malloc)(size);
    hold(block, caller);
    return block;
}

EXPORTED void *calloc(size_t number, size_t size)
{
    const void *caller = __builtin_return_address(0);
    if (fails(caller)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = REAL(calloc)(number, size);
    hold(block, caller);
    return block;
}

EXPORTED void *realloc(void *block, size_t size)
{
    const void *caller = __builtin_return_address(0);
    if (fails(caller)) {
        errno = ENOMEM;
        return NULL;
    }
    /* Before it is anybody else's. */
    bool was_held = block != NULL && let_go(block);
    void *resized = REAL(realloc)(block, size);
    if (block == NULL || (was_held && resized != NULL)) {
        hold(resized, caller);
    } else if (was_held && size != 0) {
        hold(block, caller);
    }
    return resized;
}

EXPORTED void free(void *block)
{
    if (block != NULL) {
        (void)let_go(block);
    }
    REAL(free)(block);
}
