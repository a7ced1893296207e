"""axe-core, which finds what keeps people from using a page. It is not part of
Debian: `make check-accessibility` gets it from npm, for development only."""
import json

from sim import BUILD

PATH = BUILD / "axe-core" / "axe.min.js"
RUN = """axe.run().then(result => JSON.stringify(result.violations.flatMap(
    one => one.nodes.map(node =>
        `${one.id}: ${node.target}: ${node.failureSummary}`))))"""


def violations(browser):
    """What it says about the page as it is now."""
    browser.devtools("Runtime.evaluate", expression=PATH.read_text())
    answer = browser.devtools("Runtime.evaluate", expression=RUN,
                              awaitPromise=True, returnByValue=True)
    return json.loads(answer["result"]["value"])
