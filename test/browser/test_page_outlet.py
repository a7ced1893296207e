"""The story of an outlet: what its buttons ask for."""
import pytest

from fixture import Fixture, stamp

LANE = "outlets/crm/lanes/s1/queue-1"


@pytest.fixture
def fixture():
    with Fixture(queues=10) as one:
        one.outlets["crm"].update(
            health="blocked", state="blocked", cause="422 unknown person",
            blocked_lanes=1, dead_letters_total=2)
        one.lanes = [{"server": "s1", "queue": "queue-1", "state": "blocked",
                      "cause": "422 unknown person", "arrival": 4711,
                      "since": stamp(400)}]
        one.letters = [
            {"arrival": arrival, "outlet": "crm", "server": "s1",
             "queue": "queue-2", "refused_at": stamp(500), "attempts": 3,
             "reason": "422"} for arrival in (4000, 4001)]
        yield one


def open_story(browser, fixture):
    browser.open(fixture.url + "#outlet/crm")
    browser.wait("[...document.querySelectorAll('#story .letters li')].filter("
                 "e => e.checkVisibility()).length === 3")


def press(browser, text):
    """Clicks the visible button with this text."""
    button = ("[...document.querySelectorAll('#story button')].find(e => "
              "e.checkVisibility() && e.innerText === arguments[0])")
    browser.wait(f"{button} !== undefined", text)
    browser.run(f"void {button}.click()", text)


def wait_for_post(browser, fixture, count=1):
    browser.wait("document.getElementById('toast').innerText === 'done'")
    assert len(fixture.posts) == count
    return fixture.posts[-1]


# The receiver was corrected, and nobody wants to wait for the next attempt.
def test_a_lane_is_tried_again(browser, fixture):
    open_story(browser, fixture)
    press(browser, "Try again")
    assert wait_for_post(browser, fixture) == (f"{LANE}/retry", None)
    browser.check_clean()


# What passes over a message, or sends many, is asked twice: the buttons of a
# page are easily hit.
def test_a_dead_letter_is_made_only_when_confirmed(browser, fixture):
    open_story(browser, fixture)
    press(browser, "Dead letter")
    press(browser, "Cancel")
    assert fixture.posts == []
    press(browser, "Dead letter")
    press(browser, "Keep it as a dead letter, and go on")
    assert wait_for_post(browser, fixture) == (f"{LANE}/dead-letter", None)
    browser.check_clean()


def test_all_dead_letters_are_replayed_only_when_confirmed(browser, fixture):
    open_story(browser, fixture)
    press(browser, "Replay all to crm")
    assert fixture.posts == []
    press(browser, "Send all dead letters to crm again")
    assert wait_for_post(browser, fixture) == (
        "replays", {"dead_letters": True, "outlet": "crm"})
    browser.check_clean()


# From the story of a queue, only those of this queue are sent again.
def test_the_dead_letters_of_one_queue_are_replayed(browser, fixture):
    browser.open(fixture.url + "#queue/s1/queue-2")
    browser.wait("document.querySelectorAll('#story .letters li').length === 2"
                 " && document.querySelector('.queue') !== null")
    press(browser, "Replay all to crm")
    press(browser, "Send all dead letters of this queue to crm again")
    assert wait_for_post(browser, fixture) == (
        "replays", {"dead_letters": True, "outlet": "crm",
                    "queue": "s1/queue-2"})
    browser.check_clean()
