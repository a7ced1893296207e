"""Faults on the way out: lanes, progress, forwarder; see mutant_table.py."""

BREAKER = "src/core/breaker.c"
DISPATCH = "src/core/dispatch.c"
DOUBTS = "src/core/dispatch_doubts.c"
LANES = "src/core/dispatch_lanes.c"
PROGRESS = "src/core/progress.c"
READ = "src/core/dispatch_read.c"
ROUTE = "src/outlets/forwarder/forwarder_route.c"
SAVE = "src/core/dispatch_save.c"

MUTANTS = [
    ("saved-before-sent",
     "the cursor passes messages in memory that were not sent",
     "src/core/window.c",
     "    return first == NULL ? window->read_to : first->first - 1;\n",
     "    return first == NULL ? window->read_to : first->first;\n"),
    ("cursor-to-the-end-of-reading",
     "the cursor is the position up to which messages were read",
     "src/core/window.c",
     "    return first == NULL ? window->read_to : first->first - 1;\n",
     "    return first != NULL ? window->read_to : window->read_to;\n"),
    ("retry-as-delivered",
     "a parcel that must be retried counts as delivered",
     "src/outlets/forwarder/forwarder_deliver.c",
     "        out->verdict == OUTLET_DELIVERED || out->delivered_count >= "
     "out->count;\n",
     "        out->verdict != OUTLET_REFUSED || out->delivered_count >= "
     "out->count;\n"),
    ("broken-as-refused",
     "an unavailable destination is taken to refuse the message",
     "src/outlets/forwarder/forwarder_deliver.c",
     "        dispatch_broken(dispatch, span, out->retry_after_ms, now_ms);\n",
     "        dispatch_refused(dispatch, span, out->why.text, now_ms);\n"),
    ("partial-delivery-forgotten",
     "the delivered part of a parcel is sent again",
     "src/outlets/forwarder/forwarder_deliver.c",
     "    uint32_t count = is_all ? span->count : arrivals_done(span, "
     "out);\n",
     "    uint32_t count = is_all ? span->count : 0;\n"),
    ("refused-passes-over",
     "a refused message is skipped",
     DOUBTS,
     "        lane->held_arrival = span->first;\n"
     "        lanes_defer(dispatch, lane, true);\n"
     "        lanes_enter(dispatch, lane, LANE_BLOCKED);\n"
     "        return;\n",
     "        lanes_done(dispatch, span, 1);\n"
     "        lanes_rest(dispatch, lane, now_ms);\n"
     "        return;\n"),
    ("refused-at-once-a-dead-letter",
     "a refused message becomes a dead letter at the first refusal",
     DOUBTS,
     "    if (is_proven(dispatch, lane, span->first)) {\n",
     "    if (span->first > 0) {\n"),
    ("proven-by-what-was-sent-before",
     "what was sent before a refusal counts as proof that the data is bad",
     DOUBTS,
     "        if (other->refused_at <= lane->sent_at) {\n",
     "        if (other->refused_at > 0) {\n"),
    ("dead-letter-not-stored",
     "a dead letter is settled but not stored",
     LANES,
     "    if (!progress_bury(&dispatch->pending, lane->queue_id, arrival, "
     "why,\n",
     "    if (arrival == 0 &&\n"
     "        !progress_bury(&dispatch->pending, lane->queue_id, arrival, "
     "why,\n"),
    ("two-of-a-lane-at-once",
     "a lane's next parcel is sent before the first is answered",
     DISPATCH,
     "    lanes_enter(dispatch, lane, LANE_DELIVERING);\n"
     "    return TAILQ_FIRST(&lane->spans);\n",
     "    TAILQ_REMOVE(&dispatch->ready, lane, turn);\n"
     "    TAILQ_INSERT_TAIL(&dispatch->ready, lane, turn);\n"
     "    return TAILQ_FIRST(&lane->spans);\n"),
    ("too-many-in-flight",
     "one parcel more than is allowed",
     DISPATCH,
     "    if (lane == NULL || dispatch->is_lost ||\n"
     "        dispatch->in_flight >= dispatch->policy->in_flight_max ||\n",
     "    if (lane == NULL || dispatch->is_lost ||\n"
     "        dispatch->in_flight > dispatch->policy->in_flight_max ||\n"),
    ("later-ones-overtake-deferred",
     "a lane with a backlog sends later messages first",
     "src/core/lane.c",
     "    return lane_has_backlog(lane) || lane->state == LANE_BLOCKED ||\n",
     "    return lane->state == LANE_BLOCKED ||\n"),
    ("deferred-not-stored",
     "deferred messages that the cursor passes are not stored",
     LANES,
     "    if (!progress_defer(&dispatch->pending, lane->queue_id, "
     "span->first,\n"
     "                        span->count)) {\n"
     "        dispatch->is_lost = true;\n"
     "    }\n"
     "}\n"
     "\n"
     "static void span_release(",
     "}\n"
     "\n"
     "static void span_release("),
    ("deferred-later-ones-not-stored",
     "messages behind a backlog are not stored as deferred",
     READ,
     "    if (!progress_defer(&dispatch->pending, lane->queue_id, "
     "span->first,\n"
     "                        span->count)) {\n"
     "        dispatch->is_lost = true;\n"
     "    }\n"
     "    lane->backlog_last = span_last(span);\n",
     "    lane->backlog_last = span_last(span);\n"),
    ("settled-never",
     "a deferred message stays deferred after delivery",
     LANES,
     "    } else {\n"
     "        lanes_settle(dispatch, lane, span->first, count);\n"
     "    }\n",
     "    }\n"),
    ("settled-too-early",
     "a deferred message counts as delivered when it is read back",
     READ,
     "    span->is_deferred = true;\n"
     "    lane_add(lane, span);\n"
     "    return true;\n",
     "    span->is_deferred = true;\n"
     "    lane_add(lane, span);\n"
     "    (void)progress_settle(&dispatch->pending, lane->queue_id, "
     "span->first,\n"
     "                          span->count);\n"
     "    return true;\n"),
    ("recall-before-it-is-saved",
     "a backlog is read back before the store has it",
     READ,
     "    return dispatch->is_by_queue ? lane->backlog_last : "
     "lane->backlog_saved;\n",
     "    return dispatch->is_by_queue ? lane->backlog_last : "
     "lane->backlog_last;\n"),
    ("failed-save-forgotten",
     "progress whose save failed is never saved",
     SAVE,
     "    if (!is_stored) {\n"
     "        return; ",
     "    if (!is_stored && now_ms == 0) {\n"
     "        return; "),
    ("wake-up-lost",
     "messages stored while nothing is read are missed",
     READ,
     "    dispatch->has_more = true;\n"
     "    dispatch->was_woken = dispatch->is_reading;\n",
     "    dispatch->was_woken = dispatch->is_reading;\n"),
    ("waiting-lane-never-due",
     "a lane that backs off never continues",
     DISPATCH,
     "    while ((entry = heap_take_due(&dispatch->waits, now_ms)) != NULL) "
     "{\n"
     "        lanes_retry(",
     "    while ((entry = heap_take_due(&dispatch->waits, 0)) != NULL) {\n"
     "        lanes_retry("),
    ("broken-for-ever",
     "an open breaker never probes",
     BREAKER,
     "    breaker->state = BREAKER_PROBING;\n"
     "    breaker->due_ms = HEAP_NEVER;\n",
     "    breaker->due_ms = HEAP_NEVER;\n"),
    ("backlog-of-others",
     "deferred messages of an earlier process are forgotten",
     "src/outlets/forwarder/forwarder_begin.c",
     "        if (!lanes_add(forwarder, lanes, count)) {\n",
     "        if (!lanes_add(forwarder, lanes, count * 0)) {\n"),
    ("starts-over",
     "each process starts with the oldest message",
     "src/outlets/forwarder/forwarder_begin.c",
     "                      outlet->is_by_queue ? DISPATCH_BY_QUEUE : "
     "outlet->cursor,\n",
     "                      outlet->is_by_queue ? DISPATCH_BY_QUEUE : 0,\n"),
    ("filter-ignored",
     "an outlet gets messages of queues that it did not ask for",
     "src/outlets/forwarder/forwarder_cut.c",
     "    if (!forwarder_wants(forwarder, first->server, first->queue)) {\n",
     "    if (first->arrival == 0) {\n"),
    ("parcel-of-two-batches",
     "a parcel contains messages of two batches",
     "src/outlets/forwarder/forwarder_cut.c",
     "           b->batch_first == a->batch_first &&\n"
     "           part_of_batch(b) == part_of_batch(a);\n",
     "           part_of_batch(b) == part_of_batch(a);\n"),
    ("last-save-left-out",
     "deliveries at the end are not saved",
     "src/outlets/forwarder/forwarder_close.c",
     "        (forwarder_save(forwarder) || forwarder->dispatch.is_saving)) "
     "{\n",
     "        forwarder->dispatch.is_saving) {\n"),
    ("letters-beyond-the-cursor",
     "a dead letter is saved before the cursor has reached it",
     PROGRESS,
     "        if (letter.arrival <= cursor) {\n",
     "        if (letter.arrival > cursor) {\n"),
    ("places-dropped-by-a-move",
     "deferred messages are forgotten when the next save begins",
     PROGRESS,
     "            to->items[to->count++] = range;\n",
     "            to->items[to->count] = range;\n"),
    ("skip-forgotten",
     "a message that an operator skipped is sent anyway",
     DISPATCH,
     "        lanes_done(dispatch, TAILQ_FIRST(&lane->spans), 1);\n"
     "        return;\n",
     "        return;\n"),
    ("rules-not-applied",
     "messages that the rules leave out are sent as well",
     ROUTE,
     "        choice->is_wanted[i] = result == 1;\n",
     "        choice->is_wanted[i] = result >= 0;\n"),
    ("delivered-counted-as-arrivals",
     "what the rules leave out of a parcel is not counted as done",
     "src/outlets/forwarder/forwarder_deliver.c",
     "    return (uint32_t)(out->messages[out->delivered_count].arrival -\n"
     "                      span->first);\n",
     "    return (uint32_t)(out->delivered_count + 0 * span->first);\n"),
    ("unwanted-takes-the-blame",
     "after a refused message, the next one is taken to follow directly",
     ROUTE,
     "    return unwanted;\n",
     "    return 0 * unwanted;\n"),
    ("wanted-tail-cut-off",
     "the last wanted message of a parcel is left out",
     ROUTE,
     "            choice->end = i + 1;\n",
     "            choice->end = choice->count == 1 ? i : i + 1;\n"),
    ("passes-unwanted-at-once",
     "what the rules leave out of a backlog passes the messages before it",
     "src/outlets/forwarder/forwarder_cut.c",
     "    messages_pass(page, index, choice.first);\n",
     "    messages_pass(page, index, choice.end - (choice.end > 0));\n"),
]
