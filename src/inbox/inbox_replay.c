#include "inbox/inbox_replay.h"

const char *inbox_replay_state_name(const struct inbox_replay *replay)
{
    switch (replay->state) {
    case INBOX_REPLAY_DONE:
        return "done";
    case INBOX_REPLAY_STOPPED:
        return "stopped";
    case INBOX_REPLAY_RUNNING:
        break;
    }
    if (replay->why.text[0] != '\0') {
        return "waiting";
    }
    return replay->changed_at_ms == replay->created_at_ms ? "new" : "running";
}
