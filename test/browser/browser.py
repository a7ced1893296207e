"""Debian's Chromium, without a screen, driven by the WebDriver protocol.

    with Browser() as browser:
        browser.open("http://127.0.0.1:8080/")
        browser.wait("document.querySelectorAll('.queue').length === 200")
        browser.press("ArrowDown")
        browser.screenshot("build/page/phone-dark.png")
        browser.check_clean()

What the standard library has is enough for that. Commands of the DevTools
protocol reach what WebDriver does not have: colour scheme, size of the screen,
accessibility tree. Chromium and its driver end with the block, or with the test
process.
"""
import base64
import http.client
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import time
import urllib.parse

WAIT_S_MAX = 120  # only a test that fails waits so long
START_COUNT_MAX = 20
# What a page that draws itself again may do to an element that was found.
MAY_PASS = ("stale element reference", "no such element",
            "element not interactable", "element click intercepted")
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--force-color-profile=srgb", "--hide-scrollbars", "--lang=en-GB",
]
KEYS = {
    "Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38,
    "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "PageDown": 34,
    "PageUp": 33, " ": 32,
}


class BrowserError(Exception):
    """A command of the WebDriver protocol failed."""


class Browser:
    """A browser with one window."""

    def __init__(self):
        self.process = None
        self.client = None
        self.session = None
        self.performance = []  # events of the DevTools protocol until now
        self.console = []      # what the page wrote, and the browser about it

    # Its life

    def __enter__(self):
        for _ in range(START_COUNT_MAX):
            port = self._start()
            if port is not None and self._begin(port):
                return self
            self.end()
        raise BrowserError("chromedriver finds no port, or no Chromium")

    def _start(self):
        """The port of a driver. None: the port that it chose for IPv6 is taken
        for IPv4, and it has ended."""
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "chromedriver", "--port=0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        text = b""
        end = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < end:
            if not select.select([self.process.stdout], [], [], 1)[0]:
                continue
            part = os.read(self.process.stdout.fileno(), 4096)
            if not part:
                return None
            text += part
            found = re.search(rb"successfully on port (\d+)", text)
            if found:
                return int(found.group(1))
        self.end()
        raise BrowserError(f"chromedriver does not start: {text.decode()}")

    def __exit__(self, *_):
        self.end()

    def _begin(self, port):
        """False if Chromium has not started within chromedriver's limit."""
        self.client = http.client.HTTPConnection("127.0.0.1", port,
                                                 timeout=WAIT_S_MAX)
        wanted = {
            "browserName": "chrome",
            "acceptInsecureCerts": True,  # of a proxy with a CA of its own
            "timeouts": {"script": WAIT_S_MAX * 1000,
                         "pageLoad": WAIT_S_MAX * 1000},
            "goog:chromeOptions": {"args": ARGUMENTS},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        try:
            answer = self._ask("POST", "/session",
                               {"capabilities": {"alwaysMatch": wanted}})
        except BrowserError as error:
            if "session not created" not in str(error):
                raise
            return False
        self.session = f"/session/{answer['sessionId']}"
        return True

    def end(self):
        if self.session is not None:
            try:
                self._ask("DELETE", self.session)
            except (OSError, http.client.HTTPException, BrowserError):
                pass  # it is ended below
            self.session = None
        if self.client is not None:
            self.client.close()
            self.client = None
        # Its Chromium is in the same session of processes.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()

    # The protocols

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body)
        self.client.request(method, path, data,
                            {"Content-Type": "application/json"})
        response = self.client.getresponse()
        value = json.loads(response.read())["value"]
        if response.status != 200:
            raise BrowserError(f"{value['error']}: {value['message']}")
        return value

    def devtools(self, command, **parameters):
        """A command of the DevTools protocol."""
        return self._ask("POST", f"{self.session}/goog/cdp/execute",
                         {"cmd": command, "params": parameters})

    # Pages

    def open(self, url):
        self._ask("POST", f"{self.session}/url", {"url": str(url)})

    def new_tab(self):
        """In place of the one there is: what a tab remembers is gone."""
        new = self._ask("POST", f"{self.session}/window/new", {"type": "tab"})
        self._ask("DELETE", f"{self.session}/window")
        self._ask("POST", f"{self.session}/window", {"handle": new["handle"]})

    def reload(self):
        self._ask("POST", f"{self.session}/refresh", {})

    @property
    def url(self):
        return self._ask("GET", f"{self.session}/url")

    def run(self, expression, *arguments):
        """The value of an expression of JavaScript; a promise's result."""
        script = f"return ({expression})"
        return self._ask("POST", f"{self.session}/execute/sync",
                         {"script": script, "args": list(arguments)})

    def wait(self, expression, *arguments):
        """Waits until the expression is true, and returns its value."""
        end = time.monotonic() + WAIT_S_MAX
        while True:
            value = self.run(expression, *arguments)
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"{expression} did not come true in "
                                     f"{WAIT_S_MAX} s; the page reads:\n"
                                     f"{self.text('body')[:2000]}")
            time.sleep(0.02)

    def text(self, selector):
        """The visible text of the first element, or ""."""
        return self.run(
            "document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def texts(self, selector):
        return self.run("[...document.querySelectorAll(arguments[0])]"
                        ".map(e => e.innerText.trim())", selector)

    def visible(self, selector):
        """The texts of those elements that can be seen."""
        return self.run("[...document.querySelectorAll(arguments[0])]"
                        ".filter(e => e.checkVisibility())"
                        ".map(e => e.innerText.trim())", selector)

    # A person at work

    def click(self, selector):
        """Clicks in the middle of what is visible there."""
        end = time.monotonic() + WAIT_S_MAX
        while not self._try_click(selector):
            if time.monotonic() > end:
                raise AssertionError(f"{selector} cannot be clicked")

    def _try_click(self, selector):
        self.wait("document.querySelector(arguments[0])?.checkVisibility()",
                  selector)
        try:
            element = self._ask("POST", f"{self.session}/element", {
                "using": "css selector", "value": selector})
            name = next(iter(element.values()))
            self._ask("POST", f"{self.session}/element/{name}/click", {})
        except BrowserError as error:
            if not str(error).startswith(MAY_PASS):
                raise
            return False
        return True

    def press(self, *keys, shift=False):
        """Presses keys, by their names in KEYS or as characters."""
        for key in keys:
            code = KEYS.get(key, ord(key[0].upper()))
            event = {"key": key, "windowsVirtualKeyCode": code,
                     "modifiers": 8 if shift else 0}
            typed = "\r" if key == "Enter" else key if len(key) == 1 else None
            down = {"type": "rawKeyDown"} if typed is None else {
                "type": "keyDown", "text": typed}
            self.devtools("Input.dispatchKeyEvent", **down, **event)
            self.devtools("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text):
        self.devtools("Input.insertText", text=text)

    # What it looks like

    def resize(self, width, height, is_dark=False, scale=1):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width,
                      height=height, deviceScaleFactor=scale, mobile=False)
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme",
             "value": "dark" if is_dark else "light"}])

    def screenshot(self, path):
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        data = self.devtools("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def accessibility_tree(self):
        """[(role, name, is_focusable)] of what a screen reader finds."""
        nodes = self.devtools("Accessibility.getFullAXTree")["nodes"]
        return [self._accessible(node) for node in nodes
                if not node["ignored"]]

    @staticmethod
    def _accessible(node):
        focusable = any(one["name"] == "focusable" and one["value"]["value"]
                        for one in node.get("properties", []))
        return (node.get("role", {}).get("value"),
                node.get("name", {}).get("value", ""), focusable)

    # Its network

    def set_offline(self, is_offline):
        self.devtools("Network.enable")
        self.devtools("Network.emulateNetworkConditions", offline=is_offline,
                      latency=0, downloadThroughput=-1, uploadThroughput=-1)

    def _read_logs(self):
        for kind, kept in (("performance", self.performance),
                           ("browser", self.console)):
            kept += self._ask("POST", f"{self.session}/se/log",
                              {"type": kind})

    def requests(self):
        """The URLs of all requests until now."""
        self._read_logs()
        events = (json.loads(entry["message"])["message"]
                  for entry in self.performance)
        return [event["params"]["request"]["url"] for event in events
                if event["method"] == "Network.requestWillBeSent"]

    def errors(self):
        """What is in the console, other than plain notes."""
        self._read_logs()
        return [entry["message"] for entry in self.console
                if entry["level"] not in ("INFO", "DEBUG")]

    def forget(self):
        """Starts the logs again."""
        self._read_logs()
        self.performance.clear()
        self.console.clear()

    def check_clean(self, *allowed):
        """Nothing went wrong in the page, but what has one of these words, and
        it asked only its own server."""
        errors = [line for line in self.errors()
                  if not any(word in line for word in allowed)]
        assert errors == [], "\n".join(errors)
        own = urllib.parse.urlsplit(self.url)[:2]
        strangers = [url for url in self.requests()
                     if urllib.parse.urlsplit(url)[:2] != own]
        assert strangers == [], "\n".join(strangers)
