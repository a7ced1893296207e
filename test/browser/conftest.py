"""What the tests of the page share."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]
                       / "integration"))


@pytest.fixture(scope="module")
def one_browser():
    from browser import Browser

    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(one_browser):
    """A browser of which nothing is left from the test before but itself."""
    one_browser.new_tab()
    one_browser.devtools("Network.clearBrowserCookies")
    one_browser.resize(1440, 900)
    one_browser.forget()
    return one_browser


@pytest.fixture
def poll_of():
    """Makes a Poll of a simulator, as test/integration has it."""
    from poll import Poll

    polls = []

    def make(sim):
        polls.append(Poll(sim))
        return polls[-1]

    yield make
    for poll in polls:
        poll.kill_all()
    for poll in polls:
        poll.check_no_key_was_printed()
