"""The page while haplo-poll is restarted, and when its session ends."""
import pytest

from real import READ_TOKEN, SHOWN, TOKEN, Real
from sim import replace_file

LINK = "document.getElementById('link').dataset.link"
LOGIN = "!document.getElementById('login').hidden"
ALLOWED = "401", "503 (Service", "net::ERR_"


@pytest.fixture
def real(poll_of):
    with Real(poll_of, queues=2, trouble=False) as one:
        yield one


# An upgrade: the page says that the process is gone, and finds it again.
def test_the_page_finds_a_restarted_process_again(browser, real):
    real.open(browser)
    browser.wait(f"{LINK} === 'live'")
    real.running.stop()
    browser.wait(f"{LINK} === 'lost'")
    assert "Connection lost since" in browser.text("#link")
    assert browser.run(SHOWN)
    real.running = real.poll.start()
    browser.wait(f"{LINK} === 'live' || {LOGIN}")
    if browser.run(LOGIN):
        assert "restarted" in browser.text("#login-note")
        real.log_in(browser)
    browser.wait(f"{LINK} === 'live' && {SHOWN}")
    browser.check_clean(*ALLOWED)


# Somebody has left: their token is replaced, and their page shows nothing more.
def test_the_page_asks_again_when_its_token_has_changed(browser, real):
    real.open(browser, path="#queue/app1/q1")
    browser.wait("document.querySelector('#story .facts-list dd') !== null")
    replace_file(real.sim.dir / "token", TOKEN + "-new")
    browser.wait(LOGIN)
    assert browser.run("document.getElementById('app').hidden")
    assert "token changes" in browser.text("#login-note")
    assert browser.visible("#reload") == []
    assert browser.run("document.activeElement.id") == "token"
    real.log_in(browser, TOKEN)
    browser.wait("document.getElementById('login-error').innerText !== ''")
    browser.run("document.getElementById('token').select()")
    browser.type(TOKEN + "-new")
    browser.press("Enter")
    browser.wait(SHOWN)
    browser.wait("document.querySelector('#story .facts-list dd') !== null")
    browser.check_clean(*ALLOWED)


# A button that finds no session must not say that it has done something.
def test_an_action_without_a_session_leads_to_the_login(browser, real):
    real.open(browser, path="#queue/app1/q1")
    browser.wait("document.querySelector('#story .facts-list dd') !== null")
    # At once, before the page has learned of it.
    browser.run("fetch('api/v1/session', {method: 'DELETE', headers:"
                " {'X-Haplo-Poll': '1'}}).then(() => document.querySelector("
                "'#story .actions button:nth-child(1)').click())")
    browser.wait(LOGIN)
    assert browser.text("#toast") == ""
    browser.check_clean(*ALLOWED)


# A role that changes with the login changes what is offered.
def test_another_login_has_another_role(browser, real):
    real.open(browser)
    assert browser.visible("#reload") == ["Reload configuration"]
    browser.wait("!document.getElementById('logout').hidden")
    browser.click("#logout")
    real.log_in(browser, READ_TOKEN)
    browser.wait(SHOWN)
    assert browser.visible("#reload") == []
    assert browser.visible("#role") == ["read-only"]
    browser.check_clean(*ALLOWED)
