/*
 * backup.h - a copy of a store, and what the books knew at that time. When it
 * is restored, it replaces what was stored since.
 */
#ifndef TEST_SIM_BACKUP_H
#define TEST_SIM_BACKUP_H

struct backup;
struct store;
struct world;

/* Copies one of the stores, or restores its newest copy if there is one. A
 * copy is restored while nothing runs, or under a running process if no outlet
 * reads from the store. */
void backup_make(struct world *world);
void backup_restore(struct world *world);

/* Frees the store's copy. */
void backup_free(struct store *store);

#endif
