#include "core/heap.h"

#include <assert.h>

#include "base/alloc.h"
#include "haplopoll.h"

#define HEAP_ARITY 4

static void slot_put(struct heap *heap, uint32_t index, struct heap_slot slot)
{
    heap->slots[index] = slot;
    slot.entry->position = index + 1;
}

static void sift_up(struct heap *heap, uint32_t index, struct heap_slot slot)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / HEAP_ARITY;
        if (heap->slots[parent].due_ms <= slot.due_ms) {
            break;
        }
        slot_put(heap, index, heap->slots[parent]);
        index = parent;
    }
    slot_put(heap, index, slot);
}

static uint32_t smallest_child(const struct heap *heap, uint32_t index)
{
    uint32_t first = index * HEAP_ARITY + 1;
    uint32_t smallest = first;
    for (uint32_t child = first + 1;
         child < first + HEAP_ARITY && child < heap->count; child++) {
        if (heap->slots[child].due_ms < heap->slots[smallest].due_ms) {
            smallest = child;
        }
    }
    return smallest;
}

static void sift_down(struct heap *heap, uint32_t index, struct heap_slot slot)
{
    while (index * HEAP_ARITY + 1 < heap->count) {
        uint32_t child = smallest_child(heap, index);
        if (slot.due_ms <= heap->slots[child].due_ms) {
            break;
        }
        slot_put(heap, index, heap->slots[child]);
        index = child;
    }
    slot_put(heap, index, slot);
}

/* Sifts a slot up or down to its position. */
static void slot_settle(struct heap *heap, uint32_t index,
                        struct heap_slot slot)
{
    if (index > 0 &&
        slot.due_ms < heap->slots[(index - 1) / HEAP_ARITY].due_ms) {
        sift_up(heap, index, slot);
    } else {
        sift_down(heap, index, slot);
    }
}

int heap_reserve(struct heap *heap, uint32_t count)
{
    if (count <= heap->capacity) {
        return 0;
    }
    uint32_t capacity = heap->capacity == 0 ? 16 : heap->capacity;
    while (capacity < count) {
        capacity *= 2;
    }
    struct heap_slot *slots =
        alloc_resize(heap->slots, capacity * sizeof *slots);
    if (slots == NULL) {
        return HAPLO_ENOMEM;
    }
    heap->slots = slots;
    heap->capacity = capacity;
    return 0;
}

void heap_set(struct heap *heap, struct heap_entry *entry, uint64_t due_ms)
{
    struct heap_slot slot = {due_ms, entry};
    if (entry->position == 0) {
        assert(heap->count < heap->capacity);
        sift_up(heap, heap->count++, slot);
    } else {
        slot_settle(heap, entry->position - 1, slot);
    }
}

void heap_remove(struct heap *heap, struct heap_entry *entry)
{
    if (entry->position == 0) {
        return;
    }
    uint32_t index = entry->position - 1;
    assert(heap->slots[index].entry == entry);
    entry->position = 0;
    heap->count--;
    if (index < heap->count) {
        slot_settle(heap, index, heap->slots[heap->count]);
    }
}

uint64_t heap_first_ms(const struct heap *heap)
{
    return heap->count == 0 ? HEAP_NEVER : heap->slots[0].due_ms;
}

uint64_t heap_due_ms(const struct heap *heap, const struct heap_entry *entry)
{
    return entry->position == 0 ? HEAP_NEVER
                                : heap->slots[entry->position - 1].due_ms;
}

struct heap_entry *heap_take_due(struct heap *heap, uint64_t now_ms)
{
    if (heap->count == 0 || heap->slots[0].due_ms > now_ms) {
        return NULL;
    }
    struct heap_entry *entry = heap->slots[0].entry;
    heap_remove(heap, entry);
    return entry;
}

void heap_free(struct heap *heap)
{
    alloc_free(heap->slots);
    *heap = (struct heap){0};
}
