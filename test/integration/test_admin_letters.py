"""Dead letters and replays over the admin socket."""
import json

from admin_client import Admin, admin_of
from sim import Sim, wait_for
from test_dead_letters import with_one

LETTERS = "/api/v1/dead-letters"


def test_dead_letters_are_listed_shown_and_sent_again(picky_of):
    """What the page does after the receiver was corrected."""
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        with_one(picky, sim)
        admin = admin_of(picky.poll)
        name = admin.get("/api/v1/outlets")["outlets"][0]["name"]
        page = admin.get(f"{LETTERS}?outlet={name}")
        (letter,) = page["dead_letters"]
        assert page["next"] is None and letter["outlet"] == name
        arrival = letter["arrival"]
        assert admin.get(f"{LETTERS}?outlet={name}&after={arrival}")[
            "dead_letters"] == []
        hidden = admin.get(f"{LETTERS}/{name}/{arrival}")
        assert hidden["body"] is None and hidden["size"] > 0
        shown = admin.get(f"{LETTERS}/{name}/{arrival}?body=true")
        assert len(shown["body"].encode()) == shown["size"]
        assert isinstance(json.loads(shown["body"]), dict)
        before = admin.get(f"/api/v1/outlets/{name}")["outlet"][
            "last_success_at"]
        assert before is not None
        picky.tell("cured")
        result = admin.post("/api/v1/replays", {
            "outlet": name, "dead_letters": True, "arrival": arrival})
        assert "replay 1 has started" in result["message"]
        wait_for(lambda: admin.get(f"{LETTERS}?outlet={name}")[
            "dead_letters"] == [], "it was delivered")
        (replay,) = wait_for(lambda: [
            row for row in admin.get(f"/api/v1/replays?outlet={name}")[
                "replays"] if row["state"] == "done"])
        assert replay["delivered"] == 1 and replay["is_of_dead_letters"]
        assert admin.get(f"/api/v1/outlets/{name}")["outlet"][
            "last_success_at"] > before
        assert "there are no such" in admin.post("/api/v1/replays", {
            "outlet": name, "dead_letters": True})["message"]


def test_messages_are_sent_again_from_a_time_on(picky_of):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        picky = picky_of(sim)
        picky.poll.start().wait_for_line("polling;")
        picky.wait_for_count(5)
        admin = admin_of(picky.poll)

        def is_saved():  # only what is known to be delivered is sent again
            outlet, = admin.get("/api/v1/outlets")["outlets"]
            return outlet["is_caught_up"] and outlet["name"]

        name = wait_for(is_saved)
        result = admin.post("/api/v1/replays", {
            "outlet": name, "since": "2020-01-01T00:00:00Z"})
        assert "has started" in result["message"]
        wait_for(lambda: [row for row in admin.get(
            f"/api/v1/replays?outlet={name}")["replays"]
            if row["delivered"] == 5])


def test_what_is_not_there_is_an_error(picky_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        picky = picky_of(sim)
        picky.poll.start().wait_for_line("polling;")
        picky.wait_for_count(1)
        admin = admin_of(picky.poll)
        name = admin.get("/api/v1/outlets")["outlets"][0]["name"]
        assert admin.get(LETTERS, 400) and admin.get(LETTERS + "?outlet=x", 404)
        assert admin.get(f"{LETTERS}/{name}/1", 404)
        assert admin.get(f"{LETTERS}/{name}/x", 404)
        assert admin.get(f"{LETTERS}?outlet={name}&limit=0", 400)
        for body in ({}, {"outlet": name}, {"outlet": name, "since": "then"},
                     {"outlet": name, "arrival": 1}, {"outlet": "x"},
                     {"outlet": name, "dead_letters": 1}):
            reply = admin.ask("POST", "/api/v1/replays", body)
            assert reply.status in (400, 404), body


def test_a_process_that_ends_does_not_wait_for_a_reader(picky_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        picky = picky_of(sim)
        running = picky.poll.start()
        running.wait_for_line("polling;")
        picky.wait_for_count(1)
        admin = admin_of(picky.poll)
        name = admin.get("/api/v1/outlets")["outlets"][0]["name"]
        sockets = []
        for _ in range(5):
            connection = Admin(admin.where).connect()
            connection.request("GET", f"{LETTERS}?outlet={name}")
            sockets.append(connection)
        assert running.stop() == 0
