/*
 * pg_settings.h - how each transaction that writes begins: whatever the
 * settings of the role are, it sees what others have committed, waits for locks
 * no longer than its client waits for it, and is durable.
 */
#ifndef INBOX_POSTGRES_PG_SETTINGS_H
#define INBOX_POSTGRES_PG_SETTINGS_H

#include <stdint.h>

#define PG_BEGIN_SQL "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
#define PG_SETTINGS_SIZE 768

/* Writes the second statement of the transaction. The client waits timeout_ms
 * for the response to a request. */
void pg_settings_write(char sql[PG_SETTINGS_SIZE], uint64_t timeout_ms);

#endif
