"""The invented API is that of docs/openapi.yaml."""
import pytest

from admin_client import Admin
from fixture import Fixture, make_fleet, make_host, stamp

PATHS = ["timeline", "outlets/crm/timeline", "servers/s1", "inboxes/inbox",
         "status", "session", "servers?limit=2", "queues?limit=3", "outlets",
         "inboxes", "queues/s1/queue-1", "outlets/crm", "replays?outlet=crm",
         "dead-letters?outlet=crm"]


# A page that works with a fixture of its own making proves nothing. The client
# holds each response to the description.
@pytest.mark.parametrize("path", PATHS)
def test_the_fixture_responds_as_the_api_does(path):
    with Fixture(queues=10) as fixture:
        fixture.letters = [{
            "arrival": 1, "outlet": "crm", "server": "s1", "queue": "queue-1",
            "refused_at": stamp(), "attempts": 1, "reason": "422"}]
        fixture.lanes = [{"server": "s1", "queue": "queue-1",
                          "state": "blocked", "cause": "422", "arrival": 1,
                          "since": stamp()}]
        fixture.fleet = make_fleet(make_host("a", 512, self=True),
                                   make_host("b", 512))
        admin = Admin(fixture.http.server_port)
        assert admin.get(f"/api/v1/{path}")


# Likewise what follows an action.
@pytest.mark.parametrize("verb", ["pause", "resume", "poll-now"])
def test_actions_of_the_fixture_respond_as_those_of_the_api(verb):
    with Fixture(queues=10) as fixture:
        admin = Admin(fixture.http.server_port, **{"X-Haplo-Poll": "1"})
        queue = admin.post(f"/api/v1/queues/s1/queue-1/{verb}")
        assert (queue["health"] == "paused") == (verb == "pause")
