"""What the server responds: a batch of 16 messages in the real server's format
(two-space indent, id and datetime first), and the response to a mark."""
import json

POLL = "/api/haplo-integration-messages/poll"
TOKEN = "MiwzLDQsNSw2LDcsOCw5LDEwLDExLDEyLDEzLDE0LDE1LDE2LDE3+w=="
MESSAGE_COUNT = 16


def message(i):
    return {
        "id": 4102 + i,
        "datetime": f"2026-01-15T10:32:{i:02}Z",
        "type": "student:update",
        "username": f"ab{1200 + i}",
        "name": {"first": "Ada", "last": "Ångström"},
        "email": f"ab{1200 + i}@students.example.ac.uk",
        "programme": "PhD Mechanical Engineering",
        "hours": 0.6,
        "active": True,
    }


def fetch_body(count=MESSAGE_COUNT):
    return json.dumps({"version": 0, "token": TOKEN if count else "",
                       "messages": [message(i) for i in range(count)]},
                      indent=2, ensure_ascii=False).encode()


def mark_body(unread):
    return json.dumps({"markedCount": MESSAGE_COUNT, "unreadCount": unread},
                      separators=(",", ":"))
