/*
 * backup.h - a copy of a store, and what the books know as of then. Restored,
 * it takes the place of what was stored since.
 */
#ifndef TEST_SIM_BACKUP_H
#define TEST_SIM_BACKUP_H

struct backup;
struct store;
struct world;

/* Copies one of the stores; or restores its newest copy, if there is one: while
 * nothing runs, or, where no outlet reads from it, behind a running process. */
void backup_make(struct world *world);
void backup_restore(struct world *world);

/* Frees the store's copy. */
void backup_free(struct store *store);

#endif
