/*
 * heap.h - when what is due: a 4-ary heap of intrusive entries. One uv_timer
 * over it serves thousands of queues, for 20 bytes each.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_NEVER UINT64_MAX

struct heap_entry {
    uint32_t position; /* in the heap, from 1; 0: not in it */
    uint32_t kind;     /* the owner's own: what the entry is part of */
};

struct heap_slot {
    uint64_t due_ms;          /* here, so that sifting touches no entry */
    struct heap_entry *entry; /* borrowed */
};

struct heap {
    struct heap_slot *slots; /* owned */
    uint32_t count;          /* used */
    uint32_t capacity;       /* allocated */
};

/* Makes room for count entries in all: 0 or HAPLO_ENOMEM. With room made when
 * an object is added, heap_set() cannot fail while it is polled. */
int heap_reserve(struct heap *heap, uint32_t count);

/* Puts the entry in, or moves it: due at due_ms. */
void heap_set(struct heap *heap, struct heap_entry *entry, uint64_t due_ms);

/* Takes the entry out; nothing if it is not in. */
void heap_remove(struct heap *heap, struct heap_entry *entry);

/* When the first entry is due; HEAP_NEVER if there is none. */
uint64_t heap_first_ms(const struct heap *heap);

/* When this entry is due; HEAP_NEVER if it is not in. */
uint64_t heap_due_ms(const struct heap *heap, const struct heap_entry *entry);

/* Takes out the first entry that is due at now_ms; NULL if none is. */
struct heap_entry *heap_take_due(struct heap *heap, uint64_t now_ms);

void heap_free(struct heap *heap);

#endif
