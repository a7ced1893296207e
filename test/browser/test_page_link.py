"""The page and its connection: lost, held back by a proxy, refused."""
from fixture import Fixture
from sim import wait_for

LINK = "document.getElementById('link').dataset.link"
SHOWN = "document.querySelectorAll('.queue').length > 0"


def open_page(browser, fixture):
    browser.open(fixture.url)
    browser.wait(SHOWN)
    browser.wait(f"{LINK} === 'live'")


# An operator must not take an old picture for what is so now.
def test_a_lost_connection_is_visible_until_it_is_back(browser):
    with Fixture() as fixture:
        open_page(browser, fixture)
        fixture.is_down = True
        browser.wait(f"{LINK} === 'lost'")
        assert browser.text("#link").startswith("Connection lost since ")
        assert browser.run(SHOWN)
        look = "getComputedStyle(document.querySelector('main')).filter"
        assert browser.run(look) == "grayscale(1)"
        assert browser.run("document.title") == "haplo-poll: connection lost"
        fixture.is_down = False
        browser.wait(f"{LINK} === 'live'")
        assert browser.text("#link") == "Live"
        assert browser.run(look) == "none"
        browser.wait("document.title === 'haplo-poll live'")
        browser.check_clean("net::ERR_")


# Some proxies pass a response on only when it is complete.
def test_events_that_a_proxy_holds_back_are_replaced_by_polling(browser):
    with Fixture() as fixture:
        fixture.sends_events = False
        browser.open(fixture.url)
        browser.wait(SHOWN)
        browser.wait(f"{LINK} === 'polling'")
        fixture.change("s1/queue-1", health="failing", state="BACKOFF",
                       cause="fetch s1/queue-1: connect: refused")
        browser.wait("document.querySelector('.queue').innerText"
                     ".includes('connect: refused')")
        assert browser.text("#link") == "Every 5 seconds"
        fixture.sends_events = True
        browser.wait(f"{LINK} === 'live'")
        browser.check_clean()


# So many pages may be open that there is no place for another listener: it must
# not knock at the door all the time.
def test_events_that_are_refused_are_asked_for_now_and_then(browser):
    with Fixture() as fixture:
        fixture.has_events = False
        browser.open(fixture.url)
        browser.wait(SHOWN)
        browser.wait(f"{LINK} === 'polling'")
        fixture.queues["s1/queue-1"]["unread"] = 4711
        browser.wait("document.getElementById('grid').innerText"
                     ".includes('4,711')")
        assert fixture.event_requests <= fixture.queue_requests + 1
        fixture.has_events = True
        browser.wait(f"{LINK} === 'live'")
        browser.check_clean("503")


# Nothing is shown to somebody who has no token, and a wrong one is named.
def test_a_token_opens_the_page_where_one_is_asked_for(browser):
    with Fixture(token="secret-token") as fixture:
        browser.open(fixture.url)
        browser.wait("!document.getElementById('login').hidden")
        assert browser.run("document.getElementById('app').hidden")
        assert browser.run("document.activeElement.id") == "token"
        browser.type("wrong")
        browser.press("Enter")
        browser.wait("document.getElementById('login-error').textContent !== ''")
        assert browser.text("#login-error") == "the token is wrong"
        browser.type("secret-token")  # what was wrong is selected
        browser.press("Enter")
        browser.wait(SHOWN)
        assert browser.run("document.getElementById('login').hidden")
        assert browser.run("document.getElementById('token').value") == ""
        assert "secret-token" not in browser.run("JSON.stringify([document.cookie,"
                                                 " {...sessionStorage}])")
        browser.check_clean("401")


# A role that may only look is not offered what it may not do.
def test_who_may_only_read_sees_no_buttons(browser):
    with Fixture() as fixture:
        fixture.role = "read"
        browser.open(fixture.url + "#queue/s1/queue-1")
        browser.wait(SHOWN)
        browser.wait("document.querySelector('#story .history li') !== null")
        assert browser.visible("#story button") == ["Close"]
        assert "IDLE" in browser.text("#story")
        browser.check_clean()


# A process that migrates an inbox is not one that is gone.
def test_a_process_that_starts_is_waited_for(browser):
    with Fixture() as fixture:
        fixture.is_starting = True
        browser.open(fixture.url)
        browser.wait(f"{LINK} === 'refused'")
        assert browser.text("#link") == "Not available: it is starting"
        fixture.is_starting = False
        browser.wait(f"{LINK} === 'live'")
        browser.wait(SHOWN)
        browser.check_clean("503")


# What is no longer there was taken out of the configuration.
def test_a_story_of_a_queue_that_is_gone_says_so(browser):
    with Fixture() as fixture:
        browser.open(fixture.url + "#queue/s1/nonesuch")
        browser.wait("document.querySelector('#story .empty') !== null")
        assert browser.text("#story .empty") == "there is no such thing"
        browser.check_clean("404")


# A server restarts, and its counters begin again: no spike, and no error.
def test_a_restarted_process_is_followed(browser):
    with Fixture() as fixture:
        open_page(browser, fixture)
        fixture.started_at = "2026-11-30T00:00:00.000Z"
        fixture.stored = 0
        seen = len(fixture.listeners)
        fixture.send("status", fixture.status())
        wait_for(lambda: len(fixture.listeners) >= seen)
        browser.wait("document.querySelector('.gauge p').innerText !== ''")
        browser.check_clean()
