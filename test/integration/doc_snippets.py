"""The snippets of docs/, by the names in the comments before them:

    <!-- test: NAME -->
    ```python
    ...
    ```
"""
import re

from sim import ROOT

SNIPPET = re.compile(r"<!-- test: (\w+) -->\n```(\w+)\n(.*?)```\n", re.S)


def snippets_of(name):
    """{NAME: text}"""
    text = (ROOT / "docs" / name).read_text()
    found = {name: code for name, _, code in SNIPPET.findall(text)}
    assert len(found) == text.count("<!-- test: ")
    return found
