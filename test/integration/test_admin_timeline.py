"""The last hours of rates, backlog and lag, which the page plots. A minute of
these processes is half a second: see short_minutes.c."""
from admin_client import admin_of
from poll import BUILD, preloaded
from sim import Sim, wait_for

CLOCK = BUILD.resolve() / "short_minutes.so"
PATH = "/api/v1/timeline"


def start(poll):
    poll.config["defaults"]["interval"] = "100ms"
    poll.config["outlets"] = [
        {"name": "archive", "type": "files", "path": "archive"},
        {"name": "broken", "type": "webhook", "url": "http://127.0.0.1:9"}]
    poll.environment = preloaded(poll.environment, CLOCK)
    poll.start().wait_for_line("polling;")
    return admin_of(poll)


def known(numbers):
    return [number for number in numbers if number is not None]


def test_each_minute_has_what_came_and_went(poll_of):
    """Somebody opens the page in the morning: when did the backlog begin?"""
    with Sim("--apps=2", "--queues=2", "--messages=10") as sim:
        poll = poll_of(sim)
        del poll.queue("app2", "q2")["api_key_file"]
        admin = start(poll)

        def total(name):
            return sum(known(admin.get(PATH)[name]))
        wait_for(lambda: total("received_messages") == 30)
        sim.script("message app1 q1 count=5")
        wait_for(lambda: total("received_messages") == 35)
        wait_for(lambda: total("forwarded_messages") == 35)
        whole = admin.get(PATH)
        assert max(known(whole["queues_in_trouble"])) == 1
        assert len({len(whole[name]) for name in whole if name != "end"}) == 1
        assert whole["end"][17:] == "00.000Z"
        path = "/api/v1/outlets/{}/timeline"
        archive = admin.get(path.format("archive"))
        assert sum(known(archive["forwarded_messages"])) == 35
        broken = wait_for(lambda: (lambda t: known(t["lag_messages"])[-1:]
                          == [35] and t)(admin.get(path.format("broken"))))
        assert known(broken["lag_seconds"])[-1] > 0
        assert sum(known(broken["forwarded_messages"])) == 0
        assert wait_for(lambda: admin.get(PATH)["lag_messages"][-1] == 35)


def test_an_outlet_that_is_not_there_is_not_found(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=0") as sim:
        admin = start(poll_of(sim))
        assert admin.get("/api/v1/outlets/no/timeline", 404)


def test_a_reload_keeps_the_past(poll_of):
    """The plot of an outlet goes on when its options change."""
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        admin = start(poll)
        path = "/api/v1/outlets/archive/timeline"

        def forwarded():
            return sum(known(admin.get(path)["forwarded_messages"]))
        wait_for(lambda: forwarded() == 10)
        poll.config["outlets"][0]["path"] = "elsewhere"
        poll.write()
        assert admin.post("/api/v1/reload")["changed"]
        sim.script("message app1 q1 count=5")
        wait_for(lambda: forwarded() == 15)
        assert admin.get("/api/v1/outlets/archive")["outlet"][
            "last_success_at"] is not None
