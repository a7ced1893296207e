/*
 * heap.h - due times: a 4-ary min-heap of intrusive entries. With it, a single
 * uv_timer serves thousands of queues, at 20 bytes each.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_NEVER UINT64_MAX

struct heap_entry {
    uint32_t position; /* in the heap, from 1; 0: not in it */
    uint32_t kind;     /* owner's tag: what contains the entry */
};

struct heap_slot {
    uint64_t due_ms;          /* copied here: sifting reads no entries */
    struct heap_entry *entry; /* borrowed */
};

struct heap {
    struct heap_slot *slots; /* owned */
    uint32_t count;          /* slots in use */
    uint32_t capacity;       /* slots allocated */
};

/* Makes room for count entries in total: 0 or HAPLO_ENOMEM. Room is made when
 * an object is added, so that heap_set() cannot fail during polling. */
int heap_reserve(struct heap *heap, uint32_t count);

/* Adds the entry, or moves it if present: due at due_ms. */
void heap_set(struct heap *heap, struct heap_entry *entry, uint64_t due_ms);

/* Removes the entry; does nothing if it is not in the heap. */
void heap_remove(struct heap *heap, struct heap_entry *entry);

/* When the first entry is due; HEAP_NEVER if the heap is empty. */
uint64_t heap_first_ms(const struct heap *heap);

/* When this entry is due; HEAP_NEVER if it is not in the heap. */
uint64_t heap_due_ms(const struct heap *heap, const struct heap_entry *entry);

/* Removes and returns the first entry due at now_ms; NULL if none is. */
struct heap_entry *heap_take_due(struct heap *heap, uint64_t now_ms);

void heap_free(struct heap *heap);

#endif
