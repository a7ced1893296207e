"""The stories of servers and inboxes, and the ways between stories."""
from fixture import Fixture, stamp

ACTIVE = "document.activeElement"
TOLD = "document.querySelector('#story .history li') !== null"


def open_page(browser, fixture, path=""):
    browser.open(fixture.url + path)
    browser.wait("document.querySelectorAll('.queue').length > 4")


# Why is nothing fetched from there, since when, and when is it tried again?
def test_a_server_tells_why_it_is_down(browser):
    with Fixture() as fixture:
        fixture.servers["s2"].update(
            state="DOWN", health="failing", since=stamp(7200), failures=44,
            cause="connect: connection refused", error="HAPLO_ECONNECT",
            state_text="fails", next_at=stamp(-300), failed_logins=3,
            certificate_expires_at=stamp(-86400 * 9 - 600),
            ca_certificate_expires_at=stamp(-86400 * 15 - 600))
        fixture.queues["s2/queue-1"].update(health="failing")
        open_page(browser, fixture)
        browser.click("#server-list [data-key=s2] button")
        browser.wait(TOLD)
        story = browser.text("#story")
        for words in ("down", "for 2 h", "connection refused",
                      "DOWN · HAPLO_ECONNECT", "Next try at", "failing",
                      "in 9 days", "in 15 days", "https://s2.example.ac.uk"):
            assert words in story, words
        assert [" ".join(text.split()) for text in browser.texts(
            "#story .tally li")] == ["failing 1", "ok 39"]
        browser.click("#story .actions button")
        browser.wait("document.getElementById('queue-count').innerText"
                     " === '40 of 200'")
        browser.check_clean()


# Its events are about it, so its story follows them.
def test_the_story_of_a_server_is_live(browser):
    with Fixture() as fixture:
        open_page(browser, fixture, "#server/s1")
        browser.wait(TOLD)
        browser.wait("document.getElementById('link').dataset.link === 'live'")
        server = fixture.servers["s1"]
        server.update(state="SILENT", health="failing", cause="403 THROTTLE")
        fixture.count_queues(server)
        fixture.send("server", server)
        browser.wait("document.querySelector('#story .box').innerText"
                     ".includes('403 THROTTLE')")
        browser.check_clean()


# Is there space left, and how long does a commit take?
def test_an_inbox_tells_how_it_is(browser):
    with Fixture() as fixture:
        open_page(browser, fixture)
        browser.click("#inbox-list button")
        browser.wait(TOLD)
        story = browser.text("#story")
        for words in ("It stores messages", "4 ms", "40 GB of 250 GB"):
            assert words in story, words
        inbox = fixture.inboxes[0]
        inbox.update(health="failing", state="open", cause="disk full")
        fixture.send("inbox", inbox)
        browser.wait("document.querySelector('#story .box').innerText"
                     ".includes('disk full')")
        browser.wait("document.querySelector('#inbox-list .why').innerText"
                     " === 'disk full' || document.querySelector('#side').hidden")
        browser.check_clean()


# From a queue to what it waits for, and back with the browser's button.
def test_stories_lead_to_each_other(browser):
    with Fixture() as fixture:
        open_page(browser, fixture, "#queue/s1/queue-1")
        browser.wait(TOLD)
        for number, name in ((1, "server s1"), (2, "inbox inbox"),
                             (3, "outlet archive")):
            browser.click(f"#story .path li:nth-child({number}) a")
            browser.wait("document.getElementById('story-title').innerText"
                         " === arguments[0]", name)
            browser.run("void history.back()")
            browser.wait("document.getElementById('story-title').innerText"
                         " === 's1/queue-1' && document.querySelector("
                         "'#story .path li') !== null")
        browser.check_clean()


# The keyboard goes on where it was.
def test_the_focus_returns_to_what_opened_a_story(browser):
    with Fixture() as fixture:
        open_page(browser, fixture)
        for card in ("#server-list", "#outlet-list", "#inbox-list"):
            browser.run("document.querySelector(arguments[0]).focus()",
                        f"{card} button")
            browser.press("Enter")
            browser.wait(f"{ACTIVE}.id === 'story-title'")
            browser.press("Escape")
            browser.wait(f"{ACTIVE} === document.querySelector(arguments[0])",
                         f"{card} button")
        browser.check_clean()
