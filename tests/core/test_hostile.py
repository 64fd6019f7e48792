"""Nothing active survives: cross-site scripting corpora, in every place of a Markdown text, judged by a browser."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from byline.core.markdown import render
from tests.corpora import corpus

# Its own list, not that of the code under test.
ELEMENTS = (
    "a abbr address article aside audio b bdi bdo blockquote br caption cite code col colgroup data dd del details dfn "
    "div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i img input ins kbd li mark ol p picture "
    "pre q rp rt ruby s samp section small source span strong sub summary sup table tbody td tfoot th thead time tr "
    "track u ul var video wbr"
).split()
SCHEMES = ["http", "https", "mailto", "tel"]
URLS = ["href", "poster", "src"]
ATTRIBUTES = (
    "abbr alt aria-describedby aria-hidden aria-label autoplay checked class colspan controls datetime decoding "
    "default dir disabled headers height href hreflang id kind label lang loading loop media muted open playsinline "
    "poster preload rel reversed role rowspan scope span src srclang start style title type value width"
).split()
STYLE = r"^text-align: ?(left|center|right|justify|start|end);?$"

PLACES = [
    *("{}", "# {}", "> {}", "- {}", "*{}*", "[x]({})", "[x](/y '{}')", "[{}](/y)", "![x]({})", "![{}](/y)", "<{}>"),
    *("[x]: <{}>\n\n[x]", "x[^1]\n\n[^1]: {}", "| a |\n|---|\n| {} |", "```{}\ncode\n```", "$${}$$", "<div>\n{}\n\n{}"),
    *('<img src="{}">', '<a href="{}">x</a>', '<p title="{}" style="{}">x</p>', "<b {}>x", "<svg>\n\n{}", "<!-- {}"),
]


def payloads() -> Iterator[str]:
    scripts = corpus("hostile-xss")
    for path in scripts.glob("*.txt"):
        if path.name != "SOURCE.txt":
            yield from path.read_text(errors="replace").splitlines()
    yield from (path.read_text(errors="replace") for path in (scripts / "svg").iterdir())
    yield from (path.read_text().partition("\n--\n")[0] for path in corpus("hostile-bleach").glob("*.test"))
    yield from json.loads((corpus("hostile-blns") / "blns.json").read_text())


def sources(every: int) -> Iterator[str]:
    """Payloads in every `every`th place, each payload beginning one place after the one before it.

    So each place has its share of the payloads, and neighbours in a list, which are often alike, stand in all places.
    """
    for number, payload in enumerate(sorted(set(payloads()))):
        for place in PLACES[number % every :: every]:
            yield place.replace("{}", payload)


@pytest.fixture(scope="module")
def rendered(thorough: bool) -> Mapping[str, str]:
    """HTML -> the Markdown that it was made of."""
    tried = set(sources(every=1 if thorough else 4))
    assert len(tried) > (10_000 if thorough else 3_000)
    return {render(source).html: source for source in sorted(tried)}


HARMFUL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '<a href="java&#10;script:alert(3)">x</a>',
    '<iframe srcdoc="<script>parent.alert(4)</script>"></iframe>',
    '<p style="position: fixed">x</p>',
    '<svg><a xlink:href="javascript:alert(5)">x</a></svg>',
    '<img src="data:image/svg+xml,<svg/>" name="cookie">',
    "<form action=javascript:alert(6)><button formaction=x>x</button></form>",
    "<details open ontoggle=alert(7)>x</details>",
]


# ── a parser of Python's, everywhere ─────────────────────────────────────────────────────────────────────────────────


class Judge(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ELEMENTS:
            self.found.append(f"element {tag}")
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.found.append(f"attribute {name}")
            if name in URLS and (scheme := _scheme(value or "")) and scheme not in SCHEMES:
                self.found.append(f"scheme {scheme}")
            if name == "style" and not re.match(STYLE, value or ""):
                self.found.append(f"style {value}")

    def handle_comment(self, data: str) -> None:
        self.found.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"declaration {decl}")

    def handle_pi(self, data: str) -> None:
        self.found.append(f"instruction {data}")


def _scheme(url: str) -> str:
    """As browsers find it: tabs and line breaks anywhere, controls and spaces in front, count for nothing."""
    found = re.match(r"[\0-\x20]*([a-z][a-z0-9+.-]*):", re.sub(r"[\t\r\n]", "", url), re.IGNORECASE)
    return found[1].lower() if found else ""


def test_a_parser_finds_nothing_active(rendered: Mapping[str, str]) -> None:
    assert {source: found for html, source in rendered.items() if (found := Judge(html).found)} == {}


def test_the_parser_finds_what_is_active() -> None:
    assert [html for html in HARMFUL if not Judge(html).found] == []


# ── a browser, where there is one ────────────────────────────────────────────────────────────────────────────────────

# Each case stands in the page itself, which the browser parses and runs, and is parsed again as innerHTML and as a page
# of its own. A page has loaded when its pictures have (here they fail), so their handlers have run before it reports.
PAGE = """<!doctype html><html data-ours><head data-ours><meta data-ours charset="utf-8">
<base data-ours href="https://base.example/">
<script data-ours>
const found = [], report = (number, text) => found.push([+number, text]);
for (const name of ["alert", "prompt", "confirm", "print", "eval", "open", "fetch"])
  window[name] = () => report(-1, "called " + name);
window.onerror = message => report(-1, "error " + message);
window.onbeforeunload = () => report(-1, "navigation");
</script></head><body data-ours><main data-ours>%(cases)s</main>
<template data-ours></template><script data-ours id="judge" type="application/json">%(judge)s</script>
<script data-ours>
const rules = JSON.parse(document.getElementById("judge").textContent);
function look(root, number) {
  for (const element of root.querySelectorAll("*")) {
    if (element.hasAttribute("data-ours")) { number = element.dataset.ours || number; continue; }
    const name = element.localName;
    if (!rules.elements.includes(name) || element.namespaceURI != "http://www.w3.org/1999/xhtml")
      report(number, "element " + name);
    if (name == "input" && !(element.type == "checkbox" && element.disabled)) report(number, "input");
    for (const attribute of element.attributes) {
      if (!rules.attributes.includes(attribute.name)) report(number, "attribute " + attribute.name);
      if (attribute.name == "style" && !new RegExp(rules.style).test(attribute.value)) report(number, "style");
      if (rules.urls.includes(attribute.name) && URL.canParse(attribute.value, document.baseURI)) {
        const scheme = new URL(attribute.value, document.baseURI).protocol;
        if (!rules.schemes.includes(scheme)) report(number, "scheme " + scheme);
      }
    }
    if (name == "a" && root == document && ![":", ...rules.schemes].includes(element.protocol))  // ":" leads nowhere
      report(number, "link " + element.protocol);
  }
}
look(document, -1);
const template = document.querySelector("template");
rules.cases.forEach((html, number) => {
  template.innerHTML = html;
  look(template.content, number);
  const parsed = new DOMParser().parseFromString(html, "text/html");
  for (const element of [parsed.documentElement, parsed.head, parsed.body]) element.dataset.ours = "";
  look(parsed, number);
});
window.onload = () => setTimeout(() => {
  window.onbeforeunload = null;
  document.body.textContent = "REPORT" + JSON.stringify(found) + "END";
});
</script></body></html>"""


@pytest.fixture(scope="module")
def browser() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    return path or pytest.skip(f"no browser: none of {', '.join(names)} is installed")


def judge(browser: str, folder: Path, cases: list[str]) -> list[tuple[str, str]]:
    """What is active in the cases: HTML of the case ("" if it cannot be told) and what was found."""
    rules: dict[str, Any] = {
        "elements": ELEMENTS, "attributes": ATTRIBUTES, "urls": URLS, "style": STYLE, "cases": cases,
        "schemes": [f"{scheme}:" for scheme in SCHEMES],
    }  # fmt: skip
    page = folder / "page.html"
    page.write_text(
        PAGE
        % {
            "cases": "".join(f'<div data-ours="{number}">{html}</div>' for number, html in enumerate(cases)),
            "judge": json.dumps(rules).replace("<", "\\u003c"),
        },
        "utf-8",
    )
    run = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=60000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, timeout=100, check=True,
    )  # fmt: skip
    found = re.search("REPORT(.*)END", unescape(run.stdout.decode()))
    assert found, run.stderr.decode()[-2000:]
    return [(cases[number] if number >= 0 else "", text) for number, text in json.loads(found[1])]


def test_a_browser_finds_nothing_active(browser: str, tmp_path: Path, rendered: Mapping[str, str]) -> None:
    assert [(rendered.get(html), text) for html, text in judge(browser, tmp_path, list(rendered))] == []


def test_the_browser_finds_what_is_active(browser: str, tmp_path: Path) -> None:
    found = judge(browser, tmp_path, HARMFUL)
    assert [html for html in HARMFUL if html not in {case for case, _ in found}] == []
    assert ("", "called alert") in found
