"""The page with a real haplo-poll: what operators see, and what they do."""
import pytest

from real import APPS, QUEUES, READ_TOKEN, Real, SHOWN
from sim import BUILD, wait_for
from nginx_server import Nginx
from tls_peers import Authority

COUNT = APPS * QUEUES
STATE = ("[...document.querySelectorAll('.queue')].find(e => "
         "e.dataset.name === arguments[0])?.querySelector('.stand').innerText")
LETTER = ("[...document.querySelectorAll('#story .letters li')].some(e => "
          "e.checkVisibility() && e.innerText.includes('422'))")
CLEAN = "401", "503 (Service"  # before the login, and while it starts


@pytest.fixture(scope="module")
def real():
    """One process for the tests that leave it as it was."""
    from poll import Poll

    with Real(Poll) as one:
        yield one
    one.poll.check_no_key_was_printed()


def wait_for_state(browser, queue, state):
    browser.wait(f"{STATE} === arguments[1]", queue, state)


def look_for(browser, queue):
    """Only rows in view are in the document, so the list is made short."""
    browser.click("#search")
    browser.type(queue)
    browser.wait("document.querySelectorAll('.queue').length < 20")


# All queues are there, and those in trouble come first, in words.
def test_200_queues_are_shown_with_their_states(browser, real):
    real.open(browser)
    browser.wait("document.getElementById('queue-count').innerText"
                 " === arguments[0]", str(COUNT))
    wait_for_state(browser, "app1/q1", "refused")
    wait_for_state(browser, "app1/q2", "held")
    wait_for_state(browser, "app5/misspelt", "refused")
    browser.wait("document.getElementById('verdict').innerText === "
                 "'3 of 200 queues are in trouble'")
    names = browser.run("[...document.querySelectorAll('.queue')]"
                        ".sort((a, b) => a.getAttribute('aria-rowindex') -"
                        " b.getAttribute('aria-rowindex')).slice(0, 3)"
                        ".map(e => e.dataset.name)")
    assert sorted(names) == ["app1/q1", "app1/q2", "app5/misspelt"]
    assert browser.texts("#server-list .title > :first-child") == [
        f"app{number}" for number in range(1, APPS + 1)]
    assert browser.texts("#outlet-list .title > :first-child") == [
        "archive", "crm"]
    assert browser.texts("#inbox-list .title > :first-child") == ["inbox"]
    browser.check_clean(*CLEAN)


# The page is told; nobody has to reload it.
def test_a_queue_that_fails_is_shown_at_once(browser, real):
    real.open(browser)
    browser.wait("document.getElementById('link').dataset.link === 'live'")
    look_for(browser, "app3/q7")
    real.fail("app3", "q7")
    try:
        wait_for_state(browser, "app3/q7", "failing")
        browser.wait("document.getElementById('chips').innerText"
                     ".includes('failing')")
    finally:
        real.sim.script("clear faults")
    wait_for_state(browser, "app3/q7", "ok")
    browser.check_clean(*CLEAN)


# A server that is down is one cause, and its queues say so.
def test_a_server_that_is_down_is_shown(browser, real):
    real.open(browser)
    real.stop_server("app4")
    try:
        browser.wait("document.querySelector('#server-list .card .word')"
                     ".innerText === 'down'")
        assert browser.texts("#server-list .title > :first-child")[0] == "app4"
        assert "refused" in browser.text("#server-list .why")
    finally:
        real.sim.script("clear faults")
    browser.wait("document.querySelector('#server-list .card .word')"
                 ".innerText === 'ok'")
    browser.check_clean(*CLEAN)


# A pause is the process's, and not that of the page.
def test_a_pause_survives_a_reload_of_the_page(browser, real):
    real.open(browser, path="#queue/app2/q9")
    look_for(browser, "app2/q9")
    browser.click("#story .actions button:nth-child(2)")
    browser.type("ticket 4711")
    browser.press("Enter")
    wait_for_state(browser, "app2/q9", "paused")
    browser.reload()
    wait_for_state(browser, "app2/q9", "paused")
    browser.wait("document.querySelector('#story .box')?.innerText"
                 ".includes('ticket 4711')")
    pause = real.admin.get("/api/v1/queues/app2/q9")["queue"]["pause"]
    assert pause["reason"] == "ticket 4711"
    browser.click("#story .actions button:nth-child(3)")
    wait_for_state(browser, "app2/q9", "ok")
    browser.check_clean(*CLEAN)


# Why it waits, what comes next, where it is configured: no log is needed.
def test_the_story_of_a_refused_queue_leads_to_its_key(browser, real):
    real.open(browser, path="#queue/app1/q1")
    browser.wait("document.querySelector('#story .box')?.innerText"
                 ".includes('INVALID-API-KEY')")
    story = browser.text("#story")
    assert "REFUSED" in story and "it is fetched again" in story
    assert "keys/app1-q1" in story
    browser.wait("document.querySelector('#story .history').innerText"
                 ".includes('refused')")
    browser.check_clean(*CLEAN)


# Somebody has found the cause, and does not want to wait for the interval.
def test_poll_now_polls_now(browser, real):
    real.open(browser, path="#queue/app1/q1")
    browser.wait("document.querySelector('#story .history li') !== null")
    before = real.sim.queue_stats("app1", "q1")
    browser.click("#story .actions button:nth-child(1)")
    browser.wait("document.getElementById('toast').innerText"
                 " === 'app1/q1 is polled'")
    wait_for(lambda: real.sim.queue_stats("app1", "q1") != before, "a request")
    browser.check_clean(*CLEAN)


# The receiver was corrected: what it refused is sent again, from the page.
def test_a_dead_letter_is_replayed(browser, real):
    real.sim.add("app1", "q5", [{"id": 1000, "x": "poison"}])
    real.sim.script("message app1 q5 count=3")
    real.open(browser, path="#outlet/crm")
    browser.wait(LETTER)
    real.accepts_poison = True
    browser.click("#story .letter-head button")
    wait_for(lambda: any(b"poison" in request.body
                         for request in real.receiver.accepted()),
             "the replay")
    browser.wait(f"!({LETTER})")
    real.accepts_poison = False
    browser.check_clean(*CLEAN)


# A token that may only look gets no buttons, and its requests are refused.
def test_the_token_for_reading_only_reads(browser, real):
    real.open(browser, READ_TOKEN, path="#queue/app2/q1")
    browser.wait("document.querySelector('#story .facts-list dd') !== null")
    assert browser.visible("#story button") == ["Close"]
    assert browser.visible("#role") == ["read-only"]
    assert browser.visible("#reload") == []
    status = browser.run(
        "fetch('api/v1/queues/app2/q1/pause', {method: 'POST', headers:"
        " {'X-Haplo-Poll': '1'}}).then(response => response.status)")
    assert status == 403
    browser.check_clean(*CLEAN, "403")


# No token and no cookie is within reach of a script, and it ends on request.
def test_logging_out_ends_the_session(browser, real):
    real.open(browser)
    assert browser.run("document.cookie") == ""
    browser.wait("!document.getElementById('logout').hidden")
    browser.click("#logout")
    browser.wait("!document.getElementById('login').hidden")
    status = browser.run("fetch('api/v1/status').then(r => r.status)")
    assert status == 401
    browser.check_clean(*CLEAN)


# An institution has one host name for many things, with TLS in front.
def test_the_page_works_behind_a_proxy_below_a_path(browser, real, tmp_path):
    locations = {"/haplo/": f"proxy_pass {real.url}; "
                 "proxy_set_header Host $http_host; "
                 "proxy_set_header X-Forwarded-Proto $scheme; "
                 "proxy_buffering off"}
    pair = Authority(tmp_path, "ca").issue("nginx")
    with Nginx(tmp_path, pair, locations=locations) as nginx:
        browser.open(f"{nginx.url}/haplo/")
        real.log_in(browser)
        browser.wait(SHOWN)
        browser.wait("document.getElementById('link').dataset.link === 'live'")
        (cookie,) = browser.devtools("Network.getCookies")["cookies"]
        assert cookie["secure"] and cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        browser.run("void (location.hash = '#queue/app2/q1')")
        browser.wait("document.querySelector('#story .facts-list dd') !== null")
        assert all(url.startswith(f"{nginx.url}/haplo/")
                   for url in browser.requests())
        browser.check_clean(*CLEAN)


# What people see on the wall. They are to be looked at after a change.
def test_screenshots_are_kept(browser, real):
    for number in (3, 4, 5, 6):
        real.fail("app2", f"q{number}")
    real.admin.post("/api/v1/queues/app3/q8/pause",
                    {"reason": "ticket 4711", "by": "sam"})
    sizes = {"phone": (390, 844, 2), "laptop": (1440, 900, 1),
             "wall": (2560, 1440, 1)}
    folder = BUILD / "page"
    real.open(browser)
    browser.wait("parseFloat(document.querySelector("
                 "'.gauge[data-key=received] .value').innerText) > 0")
    for name, (width, height, scale) in sizes.items():
        for is_dark in (False, True):
            browser.resize(width, height, is_dark, scale)
            look = f"{name}-{'dark' if is_dark else 'light'}"
            browser.run("void (location.hash = '')")
            browser.wait("document.getElementById('story').hidden")
            browser.wait(SHOWN)
            browser.screenshot(folder / f"{look}.png")
            browser.run("void (location.hash = '#queue/app2/q4')")
            browser.wait("document.querySelector('#story .history li') !== null")
            browser.screenshot(folder / f"{look}-story.png")
            assert (folder / f"{look}-story.png").stat().st_size > 20000
    browser.check_clean(*CLEAN)
