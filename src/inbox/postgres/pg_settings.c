#include "inbox/postgres/pg_settings.h"

#include <stdio.h>

/* Limits that somebody has set for the role stay in force. */
#define LIMIT_SQL(name)                                                 \
    " set_config('" name "', CASE current_setting('" name "') WHEN '0'" \
    " THEN '%llu' ELSE current_setting('" name "') END, true),"

#define DURABILITY_SQL                                       \
    " CASE current_setting('synchronous_commit') WHEN 'off'" \
    " THEN set_config('synchronous_commit', 'on', true) END"

#define IDLE_LIMIT "idle_in_transaction_session_timeout"

#define SETTINGS_SQL                                                  \
    "SELECT" LIMIT_SQL("lock_timeout") LIMIT_SQL("statement_timeout") \
        LIMIT_SQL(IDLE_LIMIT) DURABILITY_SQL

void pg_settings_write(char sql[PG_SETTINGS_SIZE], uint64_t timeout_ms)
{
    unsigned long long timeout = (unsigned long long)timeout_ms;

    (void)snprintf(sql, PG_SETTINGS_SIZE, SETTINGS_SQL, timeout / 4,
                   timeout / 2, timeout);
}
