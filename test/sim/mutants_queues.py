"""Faults in what decides of queues, servers and turns; see mutant_table.py."""

POLLER = "src/poller/poller.c"
BATCH = "src/poller/queue_batch.c"
QUEUE = "src/core/queue.c"
REPLAY = "src/core/replay.c"
SCHEDULER = "src/core/scheduler.c"
SERVER = "src/core/server.c"
GROUP = "src/core/login_group.c"

MUTANTS = [
    ("retry-as-accept",
     "a sink that asks for a retry is taken to have accepted",
     QUEUE,
     "    queue->error = HAPLO_EDELIVERY;\n",
     "    if (queue != NULL) {\n"
     "        return on_accepted(queue, context);\n"
     "    }\n"
     "    queue->error = HAPLO_EDELIVERY;\n"),
    ("reject-as-accept",
     "a rejected batch is marked",
     QUEUE,
     "    queue->error = event->error;\n"
     "    count_up(&queue->failures);\n"
     "    queue_enter_failed(queue,\n"
     "                       queue->state == HAPLO_QUEUE_DELIVERING\n"
     "                           ? HAPLO_QUEUE_BLOCKED\n",
     "    if (queue != NULL) {\n"
     "        return on_accepted(queue, context);\n"
     "    }\n"
     "    queue->error = event->error;\n"
     "    count_up(&queue->failures);\n"
     "    queue_enter_failed(queue,\n"
     "                       queue->state == HAPLO_QUEUE_DELIVERING\n"
     "                           ? HAPLO_QUEUE_BLOCKED\n"),
    ("drop-on-retry",
     "a batch whose delivery is to be retried is dropped",
     QUEUE,
     "    queue_enter_failed(queue, HAPLO_QUEUE_DELIVER_WAIT,\n"
     "                       after_ms(context, wait_ms), context);\n"
     "    return QUEUE_ACTION_NONE;\n",
     "    queue_enter_failed(queue, HAPLO_QUEUE_DELIVER_WAIT,\n"
     "                       after_ms(context, wait_ms), context);\n"
     "    return QUEUE_ACTION_DROP;\n"),
    ("confirmation-lost-when-pausing",
     "the last mark before a pause is confirmed in memory alone",
     QUEUE,
     "    return QUEUE_ACTION_CONFIRM;\n",
     "    return is_last ? QUEUE_ACTION_DROP : QUEUE_ACTION_CONFIRM;\n"),
    ("empty-fetch-confirms-nothing",
     "delivered messages that are not unread are not confirmed",
     QUEUE,
     "    bool confirms = delivery_state_count(&queue->delivery, NULL) > 0;\n",
     "    bool confirms = delivery_state_count(&queue->delivery, NULL) > "
     "100000;\n"),
    ("no-progress-as-confirmed",
     "a first mark that marked nothing is taken for a confirmation",
     QUEUE,
     "           event->count == 0 && event->unread_count != 0;\n",
     "           event->count == 0 && event->unread_count < -1;\n"),
    ("replay-delivered",
     "a batch that a cache repeats is stored each time",
     REPLAY,
     "since_ms < hold_ms",
     "since_ms < hold_ms && hold_ms == 0"),
    ("replay-held-for-ever",
     "a batch that arrives again may be a resend, and is never delivered",
     REPLAY,
     "since_ms < hold_ms",
     "hold_ms > 0"),
    ("fewer-marked-as-failure",
     "a mark that counts less, after another consumer's, is taken for a "
     "failure",
     QUEUE,
     "           event->count == 0 && event->unread_count != 0;\n",
     "           event->count < queue->batch_count &&\n"
     "           event->unread_count != 0;\n"),
    ("repeated-mark-as-failure",
     "a repeated mark that counts 0 is no progress: the batch comes again "
     "and again",
     QUEUE,
     "    return queue->mark_attempts == 1 && !event->is_repeated &&\n",
     "    return\n"),
    ("resent-mark-as-failure",
     "the same, where libcurl has repeated it",
     QUEUE,
     "    return queue->mark_attempts == 1 && !event->is_repeated &&\n",
     "    return queue->mark_attempts == 1 &&\n"),
    ("unread-not-read",
     "the number of unread messages is taken for 0",
     "src/core/mark_reply.c",
     "    reply->unread_count = unread;\n",
     "    reply->unread_count = unread > 0 ? 0 : unread;\n"),
    ("token-kept-over-a-fetch",
     "a queue fetches while it still has a token",
     QUEUE,
     "        queue_back_off(queue, least_wait_ms(event), context);\n"
     "    }\n"
     "    return QUEUE_ACTION_DROP;\n"
     "}\n"
     "\n"
     "static enum queue_action on_failed(",
     "        queue_back_off(queue, least_wait_ms(event), context);\n"
     "    }\n"
     "    return QUEUE_ACTION_NONE;\n"
     "}\n"
     "\n"
     "static enum queue_action on_failed("),
    ("token-never-too-old",
     "a token waits for its turn, however long that takes",
     QUEUE,
     "                    queue->first_mark_ms + QUEUE_MARK_AGE_MAX_MS, "
     "context);\n",
     "                    HEAP_NEVER, context);\n"),
    ("old-token-retried",
     "a mark is retried as late as the server asks",
     QUEUE,
     "           retry_at_ms < queue->first_mark_ms + QUEUE_MARK_AGE_MAX_MS;\n",
     "           retry_at_ms < HEAP_NEVER;\n"),
    ("pause-forgets-the-age",
     "a token's age is reset when its queue is paused",
     QUEUE,
     "        queue_enter(queue, HAPLO_QUEUE_LAST_MARK_READY, queue->due_ms, "
     "context);\n",
     "        queue_enter(queue, HAPLO_QUEUE_LAST_MARK_READY, HEAP_NEVER, "
     "context);\n"),
    ("first-post-not-noted",
     "a token's age is that of an earlier one",
     QUEUE,
     "        queue->first_mark_ms = context->now_ms;\n",
     "        queue->first_mark_ms += 0;\n"),
    ("mark-without-end",
     "a token is posted more often than is allowed",
     QUEUE,
     "           queue->mark_attempts < queue->policy->mark_attempts_max &&\n",
     ""),
    ("attempts-not-reset",
     "the attempts of one token count for the next",
     QUEUE,
     "    queue->mark_attempts = 0;\n",
     ""),
    ("pause-keeps-the-batch",
     "a batch is kept while its queue is paused and resumed",
     QUEUE,
     "    case HAPLO_QUEUE_DELIVER_WAIT:\n"
     "        queue_enter_now(queue, HAPLO_QUEUE_PAUSED, context);\n"
     "        return QUEUE_ACTION_DROP;\n",
     "    case HAPLO_QUEUE_DELIVER_WAIT:\n"
     "        queue_enter_now(queue, HAPLO_QUEUE_PAUSED, context);\n"
     "        return QUEUE_ACTION_NONE;\n"),
    ("empty-token-posted",
     "messages without a token are delivered, and an empty one is posted",
     "src/core/json_batch.c",
     "    if (batch->form_size == 0 && batch->message_count > 0) {\n",
     "    if (batch->form_size == 0 && batch->message_count > 1000000) {\n"),
    ("token-without-messages",
     "a token without messages is taken for an empty batch",
     "src/core/json_batch.c",
     "    if (batch->form_size > 0 && batch->message_count == 0) {\n",
     "    if (batch->form_size > 1000000 && batch->message_count == 0) {\n"),
    ("unfair-drain",
     "a queue that has more goes before the others",
     SCHEDULER,
     "        TAILQ_INSERT_TAIL(after, queue, link);\n",
     "        TAILQ_INSERT_HEAD(after, queue, link);\n"),
    ("fetch-ring-not-rotated",
     "one server has all the fetches while it has any",
     SCHEDULER,
     "    TAILQ_INSERT_TAIL(&scheduler->fetch_ring, server, fetch_link);\n"
     "    return server_first_fetch(server);\n",
     "    TAILQ_INSERT_HEAD(&scheduler->fetch_ring, server, fetch_link);\n"
     "    return server_first_fetch(server);\n"),
    ("place-lost-while-keys-are-tried",
     "who may not log in for a moment lines up behind those who could",
     SCHEDULER,
     "    if (!has_waiting(server, &server->fetches, "
     "&server->unproven_fetches)) {\n",
     "    if (!can_fetch) {\n"),
    ("fetches-before-marks",
     "marks wait behind fetches",
     SCHEDULER,
     "    struct queue *queue = next_mark(scheduler, now_ms);\n"
     "    if (queue == NULL) {\n"
     "        queue = next_fetch(scheduler);\n",
     "    struct queue *queue = next_fetch(scheduler);\n"
     "    if (queue == NULL) {\n"
     "        queue = next_mark(scheduler, now_ms);\n"),
    ("budget-of-bytes-ignored",
     "fetches continue though bodies exceed the limit of bytes",
     SCHEDULER,
     "    if (server == NULL || scheduler->held_bytes >= "
     "scheduler->held_bytes_max) {\n",
     "    if (server == NULL) {\n"),
    ("one-slot-too-many",
     "one request more than the bound over all servers",
     SCHEDULER,
     "    if (scheduler->in_flight >= scheduler->in_flight_max) {\n",
     "    if (scheduler->in_flight > scheduler->in_flight_max) {\n"),
    ("slot-leaked-on-cancel",
     "a cancelled fetch does not release its server's slot",
     SCHEDULER,
     "    server->in_flight--;\n",
     "    server->in_flight -= error != HAPLO_ECANCELED;\n"),
    ("list-not-left",
     "a server with a free slot again is not put into the ring",
     SCHEDULER,
     "    group_note_request(scheduler, server->group, was_unproven);\n"
     "    server_settle(scheduler, server);\n",
     "    group_note_request(scheduler, server->group, was_unproven);\n"),
    ("heap-sifts-wrongly",
     "the last of four children is ignored, so waits end late",
     "src/core/heap.c",
     "         child < first + HEAP_ARITY && child < heap->count; child++) {\n",
     "         child < first + HEAP_ARITY - 1 && child < heap->count;\n"
     "         child++) {\n"),
    ("unproven-keys-at-once",
     "keys that are not proven are tried in parallel",
     GROUP,
     "    bool may_prove = may_use_proven && group->prover_count == 0 &&\n",
     "    bool may_prove = may_use_proven &&\n"),
    ("budget-of-logins-ignored",
     "keys that are not proven are tried, however many have failed",
     GROUP,
     "    bool may_prove = may_use_proven && group->prover_count == 0 &&\n"
     "                     !login_group_is_held(group);\n",
     "    bool may_prove = may_use_proven && group->prover_count == 0;\n"),
    ("budget-per-entry",
     "servers that are the same one have separate budgets",
     "src/core/login_sites.c",
     "        groups_join(sites, server->sites[i]->group, server->group);\n",
     "        (void)groups_join;\n"),
    ("look-up-not-awaited",
     "requests are sent before their server's address is known",
     SERVER,
     "    return server->in_flight == 0 && server->location != "
     "LOCATION_SOUGHT;\n",
     "    return server->in_flight == 0;\n"),
    ("proven-keys-not-held",
     "keys that were proven are tried, however many have failed",
     GROUP,
     "    return group->failed / 2 < group->failed_max &&\n",
     "    return group->failed < 1000 &&\n"),
    ("failed-logins-forgotten",
     "each process has a separate budget of failed logins",
     GROUP,
     "    if (failed == 0 || age_ms >= LOGINS_EXPIRY_MS) {\n",
     "    if (failed != 0 || age_ms >= LOGINS_EXPIRY_MS) {\n"),
    ("failed-logins-never-forgotten",
     "failed logins of an earlier process count however old they are",
     GROUP,
     "    if (failed == 0 || age_ms >= LOGINS_EXPIRY_MS) {\n"
     "        return;\n"
     "    }\n",
     "    if (age_ms >= LOGINS_EXPIRY_MS) {\n"
     "        age_ms = 0;\n"
     "    }\n"),
    ("recalled-hold-starts-over",
     "what is left of an earlier process's hold lasts as long as a new one",
     GROUP,
     "    group->expires_ms = now_ms + LOGINS_EXPIRY_MS - age_ms;\n",
     "    group->expires_ms = now_ms + LOGINS_EXPIRY_MS;\n"),
    ("hold-without-an-end",
     "no timer ends a hold",
     "src/core/login_sites.c",
     "        heap_set(&sites->waits, &group->wait, group->expires_ms);\n",
     "        group->expires_ms += 0;\n"),
    ("key-stays-proven",
     "a refused key still counts as proven",
     SCHEDULER,
     "    } else if (error == HAPLO_EREFUSED) {\n"
     "        queue->key_proven = false;\n",
     "    } else if (error == HAPLO_EREFUSED) {\n"
     "        queue->key_proven = queue->key_proven;\n"),
    ("new-key-taken-for-proven",
     "a new key counts as proven if the old one did",
     QUEUE,
     "    queue->key_proven = false;\n",
     "    queue->key_proven = queue->key_proven;\n"),
    ("new-key-not-tried",
     "a refused queue keeps waiting after it gets a new key",
     QUEUE,
     "    queue->key_proven = false;\n"
     "    if (queue->state == HAPLO_QUEUE_REFUSED) {\n",
     "    queue->key_proven = false;\n"
     "    if (queue->state == HAPLO_QUEUE_REFUSED && queue->error == 0) {\n"),
    ("old-key-refused-new-one-waits",
     "a refusal of the old key holds for the new one",
     POLLER,
     "    if (had_old_key && error == HAPLO_EREFUSED) {\n"
     "        poller_step(queue, &new_key);\n"
     "    }\n",
     ""),
    ("silence-of-one-entry",
     "only the entry that was throttled stays silent, not the actual server",
     SERVER,
     "    TAILQ_FOREACH (other, &group->servers, group_link) {\n"
     "        server_fall_silent(other, context, trace_cb);\n"
     "    }\n",
     "    other = TAILQ_FIRST(&group->servers);\n"
     "    server_fall_silent(other, context, trace_cb);\n"),
    ("throttle-not-counted",
     "a throttle counts for nothing after a restart",
     GROUP,
     "        group->failed = LOGINS_AT_RISK_MAX;\n",
     "        group->failed += 0;\n"),
    ("silence-of-one-queue",
     "only the queue that was throttled stays silent",
     SERVER,
     "        server_throttled(server, context, trace_cb);\n"
     "        return;\n",
     "        return;\n"),
    ("refused-hammers",
     "a refused queue tries again every second",
     QUEUE,
     "    uint64_t wait_ms = jitter_ms(context->random, "
     "queue->policy->refused_ms);\n",
     "    uint64_t wait_ms = jitter_ms(context->random, 1000);\n"),
    ("failed-hammers",
     "a queue that failed tries again at once",
     QUEUE,
     "        backoff_ms(context->random, queue->policy->backoff_ms,\n"
     "                   queue->policy->backoff_max_ms, queue->failures);\n",
     "        backoff_ms(context->random, 1, 1, queue->failures);\n"),
    ("refused-mark-hammers",
     "every refused mark fetches at once, not only the first",
     QUEUE,
     "    } else if (event->error == HAPLO_EREFUSED && is_first_failure) {\n",
     "    } else if (event->error == HAPLO_EREFUSED &&\n"
     "               is_first_failure < 2) {\n"),
    ("retry-after-ignored",
     "the wait that a proxy asks for is not kept",
     QUEUE,
     "    return event->delay_ms < QUEUE_RETRY_AFTER_MAX_MS\n",
     "    return event->delay_ms < 1\n"
     "               ? 0\n"
     "           : event->delay_ms > 0\n"
     "               ? 1\n"
     "           : event->delay_ms < QUEUE_RETRY_AFTER_MAX_MS\n"),
    ("interval-ignored",
     "an empty queue is polled again at once",
     QUEUE,
     "        after_ms(context, jitter_ms(context->random, "
     "queue->interval_now_ms)),\n",
     "        after_ms(context, jitter_ms(context->random, 10)),\n"),
    ("probing-lets-all-through",
     "a failing server gets all waiting requests instead of one probe",
     SERVER,
     "    case HAPLO_SERVER_PROBING:\n"
     "        break;\n",
     "    case HAPLO_SERVER_PROBING:\n"
     "        return server->in_flight < server->policy.in_flight_max;\n"),
    ("breaker-never-opens",
     "a server that keeps failing gets requests without end",
     SERVER,
     "         server->failures >= server->policy.breaker_failures);\n",
     "         server->failures > 1000000);\n"),
    ("breaker-without-a-wait",
     "a failing server is probed at once",
     SERVER,
     "                 context->now_ms + half_ms +\n"
     "                     random_below(context->random, half_ms + 1),\n",
     "                 context->now_ms + random_below(context->random, 2),\n"),
    ("blocked-for-ever",
     "a blocked queue cannot be polled again",
     QUEUE,
     "    case HAPLO_QUEUE_REFUSED:\n"
     "    case HAPLO_QUEUE_BLOCKED:\n"
     "        queue_enter_now(queue, HAPLO_QUEUE_READY, context);\n",
     "    case HAPLO_QUEUE_REFUSED:\n"
     "        queue_enter_now(queue, HAPLO_QUEUE_READY, context);\n"),
    ("hold-outlives-a-success",
     "a good login does not clear the count of failed ones",
     SERVER,
     "        login_group_cleared(server->group);\n",
     "        server->group->failed += 0;\n"),
    ("failures-not-in-a-row",
     "the breaker opens after failures with successes in between",
     SERVER,
     "    server->failures = 0;\n"
     "    if (server->state",
     "    if (server->state"),
    ("interval-without-a-bound",
     "the interval of an empty queue grows without limit",
     QUEUE,
     "    queue->interval_now_ms = (uint32_t)(longer < max_ms ? longer : "
     "max_ms);\n",
     "    queue->interval_now_ms =\n"
     "        (uint32_t)(longer < 9 * max_ms ? longer : max_ms);\n"),
    ("backlog-waits-its-interval",
     "a queue that has more waits as if it were empty",
     QUEUE,
     "    } else if (event->unread_count == 0) {\n"
     "        queue_rest(queue, context);\n",
     "    } else if (event->unread_count < 1000) {\n"
     "        queue_rest(queue, context);\n"),
    ("prover-never-released",
     "after one unproven key no other is ever tried",
     SCHEDULER,
     "        server->prover = NULL;\n",
     "        server->prover = server->prover;\n"),
    ("refused-mark-posted-again",
     "a mark is retried after permanent failures",
     QUEUE,
     "    return haplo_error_is_transient(event->error) &&\n",
     "    return event->error != 0 &&\n"),
    ("mark-ring-not-rotated",
     "one server has all the marks while it has any",
     SCHEDULER,
     "            TAILQ_INSERT_TAIL(&scheduler->mark_ring, server, "
     "mark_link);\n"
     "            return queue;\n",
     "            TAILQ_INSERT_HEAD(&scheduler->mark_ring, server, "
     "mark_link);\n"
     "            return queue;\n"),
    ("resume-forgets-the-age",
     "a token does not get older when its queue is resumed",
     QUEUE,
     "        queue_enter(queue, HAPLO_QUEUE_MARK_READY, queue->due_ms, "
     "context);\n",
     "        queue_enter(queue, HAPLO_QUEUE_MARK_READY, HEAP_NEVER, "
     "context);\n"),
    ("failures-not-counted",
     "the back-off does not grow",
     QUEUE,
     "    count_up(&queue->failures);\n"
     "    queue->error = event->error;\n"
     "    if (event->error == HAPLO_EREFUSED) {\n",
     "    queue->error = event->error;\n"
     "    if (event->error == HAPLO_EREFUSED) {\n"),
    ("empty-interval-not-reset",
     "the interval of a queue is not reset by messages",
     QUEUE,
     "    queue->interval_now_ms = (uint32_t)queue->policy->interval_ms;\n"
     "    queue_enter_now(queue, HAPLO_QUEUE_DELIVERING",
     "    queue_enter_now(queue, HAPLO_QUEUE_DELIVERING"),
    ("given-up-token-forgets",
     "giving up a token forgets unconfirmed messages",
     BATCH,
     "    if (batch->is_accepted) {\n"
     "        delivery_state_keep(",
     "    if (batch->is_accepted && batch->message_count > 100000) {\n"
     "        delivery_state_keep("),
]
