"""The page as axe-core sees it: in all its states, light and dark, large and
small. Run by `make check-accessibility`, which gets axe-core: see axe.py."""
import pytest

from axe import violations
from fixture import Fixture, stamp

SHOWN = "document.querySelectorAll('.queue').length > 4"
TOLD = "document.querySelector('#story .history li') !== null"
STORIES = ["", "#queue/s2/queue-4", "#server/s2", "#outlet/crm",
           "#inbox/inbox"]


def trouble(fixture):
    """Something of each kind, so that every part of the page is shown."""
    for number, health in enumerate(
            ("failing", "refused", "blocked", "held", "paused"), start=3):
        fixture.queues[f"s2/queue-{number}"].update(
            health=health, cause="403 INVALID-API-KEY", state="BACKOFF",
            error="HAPLO_EREFUSED", failures=7)
    fixture.servers["s2"].update(health="failing", state="DOWN",
                                 cause="connect: refused")
    fixture.outlets["crm"].update(
        health="blocked", state="blocked", cause="422", blocked_lanes=1,
        is_caught_up=False, lag_messages=12, lag_seconds=90.0)
    fixture.letters = [{
        "arrival": 4711, "outlet": "crm", "server": "s2", "queue": "queue-4",
        "refused_at": stamp(), "attempts": 2, "reason": "422"}]
    fixture.lanes = [{"server": "s2", "queue": "queue-4", "state": "blocked",
                      "cause": "422", "arrival": 4712, "since": stamp(60)}]


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [(390, 844), (1440, 900)])
def test_no_part_of_the_page_keeps_anybody_out(browser, size, is_dark):
    with Fixture() as fixture:
        trouble(fixture)
        browser.resize(*size, is_dark)
        for path in STORIES:
            browser.open("about:blank")
            browser.open(fixture.url + path)
            browser.wait(SHOWN)
            browser.wait(TOLD if path else "true")
            assert violations(browser) == [], path
        fixture.is_down = True
        browser.wait("document.getElementById('link').dataset.link === 'lost'")
        assert violations(browser) == []


def test_the_result_of_a_reload_keeps_nobody_out(browser):
    with Fixture() as fixture:
        browser.open(fixture.url)
        browser.wait(SHOWN)
        browser.click("#reload")
        browser.wait("document.getElementById('reload-result').open")
        assert violations(browser) == []


def test_the_login_keeps_out_only_who_has_no_token(browser):
    with Fixture(token="secret-token") as fixture:
        browser.open(fixture.url)
        browser.wait("!document.getElementById('login').hidden")
        browser.type("wrong")
        browser.press("Enter")
        browser.wait("document.getElementById('login-error').textContent !== ''")
        assert violations(browser) == []
