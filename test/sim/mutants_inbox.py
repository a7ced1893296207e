"""Faults on the way in: states, group commit, gather; see mutant_table.py."""

BATCH = "src/daemon/gather/gather_batch.c"
BOOKS = "src/core/delivery_state.c"
COMMIT = "src/inbox/group_commit.c"
CONFIRM = "src/inbox/group_confirm.c"
IDENTITY = "src/core/identity.c"
STATE = "src/core/state_bytes.c"

MUTANTS = [
    ("identity-by-id",
     "messages with equal ids are taken for the same message",
     IDENTITY,
     "        identity_key(messages[i].body, messages[i].key);\n",
     "        identity_key(messages[i].id, messages[i].key);\n"),
    ("mark-before-durable",
     "a batch is accepted as soon as the inbox has it",
     BATCH,
     "    inbox_deliver(&delivery->delivery);\n",
     "    inbox_deliver(&delivery->delivery);\n"
     "    (void)haplo_batch_accept(batch);\n"),
    ("inbox-retry-as-stored",
     "a retry of the inbox is taken for success",
     BATCH,
     "        return haplo_batch_retry(batch, 0, why);\n",
     "        return haplo_batch_accept(batch);\n"),
    ("inbox-rejection-as-stored",
     "what can never be stored is marked",
     BATCH,
     "        return haplo_batch_reject(batch, why);\n",
     "        return haplo_batch_accept(batch);\n"),
    ("stale-as-stored",
     "a stale batch is marked",
     BATCH,
     "        return answer_stale(batch, delivery->delivery.stored);\n",
     "        return haplo_batch_accept(batch);\n"),
    ("stale-as-rejected",
     "a stale batch blocks its queue",
     BATCH,
     "        return answer_stale(batch, delivery->delivery.stored);\n",
     "        return haplo_batch_reject(batch, why);\n"),
    ("stale-retried",
     "a stale batch is delivered again, and nothing is adopted",
     BATCH,
     "        return answer_stale(batch, delivery->delivery.stored);\n",
     "        return haplo_batch_retry(batch, 0, why);\n"),
    ("behind-as-retry",
     "an inbox that is behind makes the library keep the batch",
     BATCH,
     "        return haplo_batch_drop(batch, why);\n",
     "        return haplo_batch_accept(batch);\n"),
    ("confirmation-not-told",
     "the inbox is never asked to store a confirmed mark",
     BATCH,
     "        inbox_confirmed(queue->stored, mark);\n",
     "        (void)mark;\n"),
    ("accept-while-closing",
     "a batch that is stored after the inboxes began to close is marked",
     BATCH,
     "        return haplo_batch_drop(batch, \"the inbox is closing\");\n",
     "        return haplo_batch_accept(batch);\n"),
    ("batch-unanswered-while-closing",
     "a batch that is stored after the inboxes began to close is never "
     "answered, so that the poller never closes",
     BATCH,
     "        return haplo_batch_drop(batch, \"the inbox is closing\");\n",
     "        return 0;\n"),
    ("state-not-compared",
     "the stored state is not compared: any state may follow any other",
     STATE,
     "    return state_bytes_read(stored, &old_head) == 0 &&\n"
     "                   may_follow(&new_head, old_head.id)\n",
     "    return state_bytes_read(stored, &old_head) == 0 ||\n"
     "                   may_follow(&new_head, old_head.id)\n"),
    ("unknown-outcome-as-failure",
     "an own earlier commit is not recognised, and what it stored is stored "
     "again",
     STATE,
     "        return HAPLO_COMPARE_STORED;\n",
     "        return HAPLO_COMPARE_CURRENT;\n"),
    ("stored-before-as-stale",
     "an own earlier commit is taken for another process's",
     STATE,
     "        return HAPLO_COMPARE_STORED;\n",
     "        return HAPLO_COMPARE_STALE;\n"),
    ("first-state-not-compared",
     "if nothing is stored, any state is accepted first",
     STATE,
     "        return new_head.follows[0] == 0 ? HAPLO_COMPARE_CURRENT\n",
     "        return new_head.follows[0] != 1 ? HAPLO_COMPARE_CURRENT\n"),
    ("one-known-state-forgotten",
     "a confirmed state is not one of the known states",
     STATE,
     "    for (size_t i = 0; i < STATE_FOLLOW_MAX; i++) {\n"
     "        if (state->follows[i] == id) {",
     "    for (size_t i = 0; i < 1; i++) {\n"
     "        if (state->follows[i] == id) {"),
    ("states-without-salt",
     "two states with equal contents are the same",
     STATE,
     "    put_u64(bytes + OFFSET_SALT, head->salt);\n",
     "    put_u64(bytes + OFFSET_SALT, 0);\n"),
    ("repeats-accepted-without-comparing",
     "a batch of repeats alone is accepted without asking the inbox",
     BATCH,
     "    struct gather_delivery *delivery = take_delivery(gather);\n"
     "    if (delivery == NULL) {",
     "    if (haplo_batch_new_count(batch) == 0) {\n"
     "        (void)haplo_batch_accept(batch);\n"
     "        return;\n"
     "    }\n"
     "    struct gather_delivery *delivery = take_delivery(gather);\n"
     "    if (delivery == NULL) {"),
    ("stale-batch-re-evaluated",
     "a stale batch is evaluated against what is stored now",
     "src/poller/haplo_batch.c",
     "    if (error == 0) {\n"
     "        explain_stale(queue, expected);\n"
     "    } else {",
     "    if (error == 0) {\n"
     "        size_t dropped;\n"
     "        explain_stale(queue, expected);\n"
     "        if (delivery_state_evaluate(&queue->core.delivery, queue->batch, "
     "expected,\n"
     "                                    &dropped) == 0) {\n"
     "            queue_retry(queue, 0, \"\");\n"
     "            return 0;\n"
     "        }\n"
     "    } else {"),
    ("stale-not-adopted",
     "what is stored is not what is known after a stale batch",
     "src/poller/haplo_batch.c",
     "    error = delivery_state_adopt(&queue->core.delivery, stored);\n",
     "    (void)stored;\n"),
    ("leftover-forgotten",
     "messages that a batch lacks are missing from its state",
     BOOKS,
     "        } else if (head->leftover_count < HAPLO_LEFTOVER_COUNT_MAX) {\n",
     "        } else if (head->leftover_count < 0) {\n"),
    ("leftovers-without-bound",
     "a state grows without limit",
     BOOKS,
     "        } else if (head->leftover_count < HAPLO_LEFTOVER_COUNT_MAX) {\n",
     "        } else if (head->leftover_count < 512) {\n"),
    ("oldest-leftovers-kept",
     "the newest leftovers are dropped, not the oldest",
     BOOKS,
     "    batch_keys_fill(batch);\n"
     "    state_bytes_seal(batch->state, &head);\n",
     "    state_bytes_seal(batch->state, &head);\n"
     "    batch_keys_fill(batch);\n"),
    ("confirmed-leftovers",
     "a mark also confirms messages that its batch lacks",
     BOOKS,
     "    if (batch != NULL && !is_drained && has_leftovers(batch)) {\n",
     "    if (batch != NULL && batch->message_count > 100000) {\n"),
    ("drained-confirms-no-leftovers",
     "leftovers stay when nothing is unread",
     BOOKS,
     "    if (batch != NULL && !is_drained && has_leftovers(batch)) {\n",
     "    if (batch != NULL && has_leftovers(batch)) {\n"),
    ("keys-of-the-batch-kept",
     "a confirmed batch stays unconfirmed in the state",
     BOOKS,
     "    memmove(keys, keys + STATE_KEY_SIZE * "
     "(size_t)accepted.batch_count,\n",
     "    memmove(keys, keys,\n"),
    ("repeats-not-marked",
     "messages stored already are not reported as repeats",
     "src/core/repeats.c",
     "            message->is_repeat = true;\n"
     "            return true;\n",
     "            return true;\n"),
    ("equal-messages-all-repeats",
     "all equal messages of a batch are taken for the one that is stored",
     "src/core/repeats.c",
     "            message->is_repeat = true;\n"
     "            return true;\n"
     "        }\n",
     "            message->is_repeat = true;\n"
     "        }\n"),
    ("adopted-keys-forgotten",
     "a new process does not know what is not confirmed",
     BOOKS,
     "    if (state_head_key_count(&head) > 0) {\n",
     "    if (state_head_key_count(&head) > 100000) {\n"),
    ("accepted-state-not-known",
     "the next state may follow an older one",
     BOOKS,
     "    state_bytes_head(batch->state, &head);\n"
     "    know_only(state, &head);\n"
     "    forget_newest(state);\n"
     "    batch->is_accepted = true;\n",
     "    state_bytes_head(batch->state, &head);\n"
     "    know_also(state, &head);\n"
     "    forget_newest(state);\n"
     "    batch->is_accepted = true;\n"),
    ("confirmed-state-not-known",
     "the state after a mark is not one of the known states",
     BOOKS,
     "    know_also(state, &head);\n"
     "    return (struct haplo_slice){",
     "    return (struct haplo_slice){"),
    ("restart-without-state",
     "a queue is added without its stored state",
     "src/daemon/gather/gather_queues.c",
     "    options.state = queue->stored->state;\n",
     "    options.state = (struct haplo_slice){NULL, 0};\n"),
    ("outage-as-stored",
     "a failed group is reported as stored",
     COMMIT,
     "    default:\n"
     "        return INBOX_RETRY;\n",
     "    default:\n"
     "        return INBOX_STORED;\n"),
    ("doubt-as-stored",
     "a group of unknown outcome is reported as stored",
     COMMIT,
     "    case INBOX_NEVER:\n"
     "        return INBOX_REJECTED;\n",
     "    case INBOX_DOUBT:\n"
     "        return INBOX_STORED;\n"
     "    case INBOX_NEVER:\n"
     "        return INBOX_REJECTED;\n"),
    ("stale-not-told",
     "a stale delivery is reported as stored",
     COMMIT,
     "        return delivery->compare == HAPLO_COMPARE_STALE ? INBOX_STALE\n",
     "        return delivery->compare == HAPLO_COMPARE_CURRENT + 77 ? "
     "INBOX_STALE\n"),
    ("poison-spoils-the-group",
     "a whole group is rejected because of one batch",
     COMMIT,
     "    return group->part_count > 1 && !STAILQ_EMPTY(&group->deliveries) "
     "&&\n",
     "    return group->part_count > 100 && "
     "!STAILQ_EMPTY(&group->deliveries) &&\n"),
    ("confirmation-dropped-on-outage",
     "a confirmed state whose group failed is forgotten",
     CONFIRM,
     "            confirm_return(confirms, confirm);\n"
     "            is_left",
     "            confirm_release(confirms, confirm);\n"
     "            is_left"),
    ("confirmations-never-alone",
     "a confirmed state waits for the next batch",
     COMMIT,
     "    if (group->part_count > 0 || commit->is_confirm_due) {\n",
     "    if (group->part_count > 0) {\n"),
    ("confirmations-not-retried",
     "after a failure a confirmed state waits for the next batch",
     COMMIT,
     "    struct group_commit *commit = timer->data;\n"
     "\n"
     "    commit->is_confirm_due = true;\n",
     "    struct group_commit *commit = timer->data;\n"
     "\n"),
    ("older-confirmation-wins",
     "a waiting confirmed state is not replaced by a newer one",
     CONFIRM,
     "    queue->confirm = confirm;\n"
     "    STAILQ_INSERT_TAIL(&confirms->waiting, confirm, link);\n"
     "    if (older",
     "    queue->confirm = confirm;\n"
     "    STAILQ_INSERT_TAIL(&confirms->waiting,\n"
     "                       older != NULL ? older : confirm, link);\n"
     "    if (older"),
    ("outlets-not-woken-after-doubt",
     "messages of a commit of unknown outcome reach outlets only with the "
     "next ones",
     COMMIT,
     "        has_more |= has_more_than_told(group, delivery);\n",
     ""),
    ("outlets-never-woken",
     "outlets are not notified of stored messages",
     COMMIT,
     "    if (delivery->stored_count > 0) {\n"
     "        warn",
     "    if (delivery->stored_count > 0 && delivery->last_arrival == 0) {\n"
     "        warn"),
    ("byte-limit-forgets-to-count-down",
     "an inbox stays behind permanently",
     COMMIT,
     "    commit->held_bytes = commit->held_bytes - queue->held_bytes + "
     "bytes;\n",
     "    commit->held_bytes += bytes;\n"),
    ("progress-of-failed-groups",
     "progress is reported as saved though its group failed",
     COMMIT,
     "        progress->progress_cb(progress,\n"
     "                              group->fault == INBOX_FINE ? 0 : "
     "HAPLO_EDELIVERY,\n",
     "        progress->progress_cb(progress,\n"
     "                              group->fault != INBOX_DOUBT ? 0 : "
     "HAPLO_EDELIVERY,\n"),
    ("failed-logins-not-written",
     "a refused key is not recorded for the next process",
     "src/daemon/gather/failed_logins.c",
     "        set_refused(failed, queue, true);\n"
     "        save(failed);\n",
     "        set_refused(failed, queue, true);\n"),
    ("failed-logins-not-loaded",
     "the next process does not read the record",
     "src/daemon/gather/gather_queues.c",
     "        has_failed_logins = "
     "failed_logins_load(&gather->failed_logins);\n",
     ""),
    ("refused-key-forgotten",
     "a queue that is removed and comes back has a key that works",
     "src/daemon/gather/gather_queues.c",
     "    failed_logins_leave(queue);\n",
     ""),
]
