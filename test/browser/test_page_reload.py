"""The button that reloads the configuration, and what it tells."""
import pytest

from fixture import Fixture
from real import Real

ACTIVE = "document.activeElement"
OPEN = "document.getElementById('reload-result').open"


def open_page(browser, fixture):
    browser.open(fixture.url)
    browser.wait("document.querySelectorAll('.queue').length > 0")


# What is new, what has changed, and what is still finishing: the operator need
# not look into the log.
def test_the_result_of_a_reload_is_shown(browser):
    with Fixture() as fixture:
        fixture.reload.update(changed=["outlet crm"], waiting=["s1/queue-3"])
        open_page(browser, fixture)
        browser.click("#reload")
        browser.wait(OPEN)
        assert browser.text("#reload-title") == "Configuration 4 is in use"
        assert browser.texts("#reload-text h3") == [
            "Added (1)", "Changed (1)", "Finishing first (1)"]
        assert browser.texts("#reload-text li") == [
            "queue s2/new", "outlet crm", "s1/queue-3"]
        assert fixture.posts == [("reload", None)]
        browser.check_clean()


# A mistake in the file changes nothing, and says where it is.
def test_a_rejected_reload_shows_the_errors(browser):
    with Fixture() as fixture:
        error = "haplo-poll.yaml:12:5: queues: <b>x</b> is no queue [HP0104]"
        fixture.reload.update(ok=False, added=[], errors=[error])
        open_page(browser, fixture)
        browser.click("#reload")
        browser.wait(OPEN)
        assert browser.text("#reload-title") == \
            "The configuration was rejected: nothing has changed"
        assert browser.texts("#reload-text li") == [error]
        browser.check_clean("422")


# From the keyboard there, and back to where one was.
def test_escape_closes_the_result_and_the_focus_returns(browser):
    with Fixture() as fixture:
        open_page(browser, fixture)
        browser.run("document.getElementById('reload').focus()")
        browser.press("Enter")
        browser.wait(OPEN)
        assert browser.run(f"{ACTIVE}.id") == "reload-close"
        browser.press("Escape")
        browser.wait(f"!{OPEN}")
        assert browser.run(f"{ACTIVE}.id") == "reload"
        assert browser.text("#reload") == "Reload configuration"
        browser.check_clean()


# The same with a real one: a queue is added, then a mistake is made.
@pytest.mark.parametrize("is_wrong", [False, True])
def test_a_real_configuration_is_reloaded(browser, poll_of, is_wrong):
    with Real(poll_of, queues=2, trouble=False) as real:
        queues = real.poll.server("app1")["queues"]
        name = queues.pop()["name"]
        real.poll.write()
        real.running.wait_for_line("polling;")
        real.admin.post("/api/v1/reload")
        real.open(browser)
        queues.append({"name": name, "api_key_file": f"keys/app1-{name}"})
        if is_wrong:
            real.poll.config["outlets"][0]["inbox"] = "no-such-inbox"
        real.poll.write()
        browser.click("#reload")
        browser.wait(OPEN)
        if is_wrong:
            assert "rejected" in browser.text("#reload-title")
            assert "no-such-inbox" in browser.text("#reload-text")
        else:
            assert browser.text("#reload-title") == "Configuration 3 is in use"
            assert f"app1/{name}" in browser.text("#reload-text")
            browser.wait("document.getElementById('queue-count').innerText"
                         " === '10'")
        browser.check_clean("401", "503 (Service", "422")
