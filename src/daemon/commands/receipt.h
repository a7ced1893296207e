/*
 * receipt.h - what is known about the life of one message, printed in the order
 * of events, or as a line of JSON.
 */
#ifndef DAEMON_RECEIPT_H
#define DAEMON_RECEIPT_H

#include "daemon/commands/inbox_find.h"

/* Of a message in the current inbox. Returns EXIT_CODE_FINE, or
 * EXIT_CODE_FAILED if the message is not there, which is told as well. */
enum exit_code receipt_print(struct inbox_reading *reading,
                             const struct inbox_find *find, bool is_json);

#endif
