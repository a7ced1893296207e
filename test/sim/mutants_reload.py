"""Faults in reloads, and in what moves states between inboxes; see
mutant_table.py. Only worlds with reloads can catch them."""

CHANGE = "src/daemon/reload/reload_change.c"
COMPARE = "src/daemon/reload/reload_compare.c"
QUEUE = "src/daemon/reload/reload_queue.c"
QUEUES = "src/daemon/gather/gather_queues.c"
MOVES = "src/daemon/gather/gather_moves.c"

MUTANTS = [
    ("reload-gives-up-at-once",
     "the token of a queue that a reload changes is dropped",
     QUEUES,
     "    (void)haplo_queue_remove(queue->queue, on_left); /* or it is on its "
     "way */\n",
     "    (void)haplo_queue_remove(queue->queue, on_left);\n"
     "    haplo_queue_give_up(queue->queue);\n"),
    ("reload-waits-for-ever",
     "a queue waits for its mark for as long as its server is down",
     QUEUE,
     "    haplo_queue_give_up(queue->queue);\n",
     ""),
    ("reload-proves-keys",
     "a key that was never accepted passes for one that was",
     QUEUES,
     "        gather->left_cb(queue, stats.key_proven);\n",
     "        gather->left_cb(queue, true);\n"),
    ("reload-moves-no-state",
     "a queue that moves to another inbox starts without its state",
     QUEUE,
     "    if (gather_move_is_due(queue)) {\n",
     "    if (gather_move_is_due(queue) && change->part == CONFIG_PARTS) {\n"),
    ("reload-moves-from-closed",
     "a queue moves while the inbox that has its state is closed",
     QUEUE,
     "    return left == NULL || left->is_open;\n",
     "    return left == NULL || left->is_open || left->is_changing;\n"),
    ("move-not-compared",
     "a queue moves with a state that is not the one that is stored",
     MOVES,
     "        .is_expected = queue == move->old,\n",
     "        .is_expected = false,\n"),
    ("move-leaves-no-note",
     "the old inbox still has the state of a queue that has moved",
     MOVES,
     "          (struct haplo_slice){.data = note, .size = sizeof note - 1});\n",
     "          move->old->state);\n"),
    ("reload-keeps-removed",
     "a queue that is not in the configuration any more is not removed",
     COMPARE,
     "    if (!is_queue_of(pass->to, config)) {\n",
     "    if (!is_queue_of(pass->to, config) && queue->is_changing) {\n"),
    ("reload-frees-configuration",
     "a configuration is freed while an object that changes borrows from it",
     CHANGE,
     "        (*out)->kept = config_keep(from);\n",
     "        (*out)->kept = NULL;\n"),
    ("reload-frees-outlet-options",
     "a configuration is freed while an outlet at work borrows from it",
     COMPARE,
     "        reload_pin_keep(&changes->pins, outlet, pass->from);\n",
     ""),
]
