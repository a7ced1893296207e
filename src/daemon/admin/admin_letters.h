/*
 * admin_letters.h - dead letters and replays: GET /api/v1/dead-letters and
 * .../{outlet}/{arrival}; GET and POST /api/v1/replays.
 */
#ifndef DAEMON_ADMIN_LETTERS_H
#define DAEMON_ADMIN_LETTERS_H

#include "daemon/admin/admin_request.h"

void admin_get_letters(struct admin_request *request);
void admin_get_letter(struct admin_request *request);
void admin_get_replays(struct admin_request *request);
void admin_post_replay(struct admin_request *request);

#endif
