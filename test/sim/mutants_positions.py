"""Faults of outlets that have positions, because their inbox is in order per
queue only; see mutant_table.py."""

ASK = "src/outlets/forwarder/forwarder_ask.c"
BEGIN = "src/outlets/forwarder/forwarder_begin.c"
FORWARDER = "src/outlets/forwarder/forwarder.c"
LANE = "src/core/lane.c"
LANES = "src/core/dispatch_lanes.c"
PROGRESS = "src/core/progress.c"
READ = "src/core/dispatch_read.c"
RECALLS = "src/outlets/forwarder/forwarder_read.c"
SAVE = "src/core/dispatch_save.c"

MUTANTS = [
    ("position-past-a-doubt",
     "a position passes a message that may become a dead letter",
     LANE,
     "    return head != 0 ? head - 1 : lane->known_to;\n",
     "    return head != 0 && STAILQ_EMPTY(&lane->doubts) ? head - 1\n"
     "                                                    : "
     "lane->known_to;\n"),
    ("position-saved-before-delivery",
     "a position is as far as the lane was read",
     LANE,
     "    return head != 0 ? head - 1 : lane->known_to;\n",
     "    return head != 0 ? lane->known_to : lane->known_to;\n"),
    ("position-moves-backwards",
     "positions that were saved are saved again with later ones",
     PROGRESS,
     "    progress->position_count = 0;\n",
     ""),
    ("position-never-saved",
     "a lane is forgotten before its position is saved",
     LANES,
     "    if (dispatch->is_by_queue && !lane->is_moved &&\n",
     "    if (dispatch->is_by_queue && lane->is_moved &&\n"),
    ("position-of-one-message-lost",
     "the first message after the stored position counts as saved",
     READ,
     "        lane->position_saved = first - 1;\n",
     "        lane->position_saved = first;\n"),
    ("lane-dropped-with-a-position",
     "a lane is freed although its position is not saved",
     LANES,
     "    if (dispatch->is_by_queue && lane_position(lane) > "
     "lane->position_saved) {\n"
     "        return;\n"
     "    }\n"
     "    assert(!lane->is_moved);\n",
     "    if (lane->is_moved) {\n"
     "        lane->is_moved = false;\n"
     "        TAILQ_REMOVE(&dispatch->moved, lane, in_moved);\n"
     "    }\n"),
    ("letters-without-positions",
     "the positions of a save are stored with the next one",
     SAVE,
     "        if (!progress_place(&dispatch->saving, lane->queue_id,\n",
     "        if (!progress_place(&dispatch->pending, lane->queue_id,\n"),
    ("reads-from-the-last-report",
     "a lane begins with the last message that was reported",
     READ,
     "    if (last > lane->backlog_last) {\n",
     "    lane->known_to = lane->known_to == 0 ? last - 1 : lane->known_to;\n"
     "    if (last > lane->backlog_last) {\n"),
    ("report-of-a-busy-lane-lost",
     "what is stored while a lane is busy is forgotten",
     READ,
     "    if (last > lane->backlog_last) {\n",
     "    if (last > lane->backlog_last && lane->state == LANE_IDLE) {\n"),
    ("lanes-not-reached-count-as-read",
     "lanes that did not fit into a read are passed",
     RECALLS,
     "        dispatch_recall_done(dispatch, page->lanes[i], "
     "DISPATCH_RECALL_NOTHING,\n",
     "        dispatch_recall_done(dispatch, page->lanes[i], "
     "DISPATCH_RECALL_ALL,\n"),
    ("lane-at-the-cut-counts-as-read",
     "the rest of a lane that did not fit into a read is passed",
     RECALLS,
     "            i < with_more ? DISPATCH_RECALL_ALL : "
     "DISPATCH_RECALL_MORE, now_ms);\n",
     "            DISPATCH_RECALL_ALL, now_ms);\n"),
    ("cursor-by-queue",
     "a cursor is used although the inbox is in order per queue only",
     BEGIN,
     "                      outlet->is_by_queue ? DISPATCH_BY_QUEUE : "
     "outlet->cursor,\n",
     "                      outlet->cursor,\n"),
    ("lanes-never-asked-again",
     "what others, or a commit of unknown outcome, have stored is not found",
     ASK,
     "    uint64_t due_ms = forwarder->has_to_ask ? forwarder->ask_least_ms\n"
     "                                            : "
     "forwarder->ask_next_ms;\n",
     "    uint64_t due_ms = HEAP_NEVER;\n"),
    ("lanes-not-asked-after-doubt",
     "after a commit of unknown outcome the outlet seems to be at rest",
     FORWARDER,
     "        forwarder->has_to_ask = true;\n"
     "    } else if (!forwarder_wants(",
     "        forwarder->has_to_ask = false;\n"
     "    } else if (!forwarder_wants("),
    ("wanted-lanes-passed-unread",
     "lanes that the outlet wants are passed unread",
     ASK,
     "    if (forwarder_wants(forwarder, server, queue)) {\n",
     "    if (forwarder_wants(forwarder, server, queue) && last_arrival == 0) {\n"),
]
