"""llms.txt by the format of https://llmstxt.org, and both texts within their budgets."""

import re
from datetime import UTC, datetime

import httpx
import pytest

from byline.transfer.importing import import_documents
from byline.transfer.markdown.reader import read_folder
from tests import make
from tests.conftest import Sessions
from tests.corpora import corpus
from tests.crawlers.test_sitemaps import Configure

LINK = re.compile(r"- \[((?:[^\[\]\\]|\\.)+)\]\((https://[^\s()]+)\)(?:: (.+))?")


def sections(text: str) -> dict[str, list[str]]:
    """Of each H2 its lines, if the text is an H1, perhaps a quotation, and then lists of links."""
    head, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    assert re.fullmatch(r"# .+\n(\n> .+\n)?\n?", head)
    found = {}
    for part in parts:
        title, _, body = part.partition("\n")
        lines = [line for line in body.split("\n") if line]
        assert all(LINK.fullmatch(line) for line in lines if not line.startswith("Not in this file"))
        found[title] = lines
    return found


async def test_what_is_here(client: httpx.AsyncClient, sessions: Sessions, configure: Configure) -> None:
    configure(site_title="Plumb *Line*", site_description="We\nmeasure.")
    async with sessions.begin() as session:
        await make.post(session, "Old", datetime(2020, 1, 1, tzinfo=UTC))
        await make.post(session, "New [1]\u2028x", slug="new", excerpt="First.\n\nSecond.")
        await make.post(session, "Best", featured=True)
        await make.post(session, "About", kind="page")
        await make.post(session, "Unlisted", visibility="unlisted")
        await make.draft(session, "Draft")
    answer = await client.get("/llms.txt")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("# Plumb \\*Line\\*\n\n> We measure.\n")
    found = sections(answer.text)
    assert list(found) == ["Featured", "Pages", "Posts", "Optional"]
    assert found["Posts"] == [
        "- [New \\[1\\] x](https://blog.example/v1/posts/new.md): First. Second.",
        "- [Old](https://blog.example/v1/posts/old.md): Measure first.",
    ]
    assert found["Pages"] == ["- [About](https://blog.example/v1/pages/about.md): Measure first."]
    for lines in (found["Featured"], found["Pages"], found["Posts"]):
        for line in lines:
            address = line.split("](")[1].split(")")[0]
            markdown = await client.get(address)
            assert markdown.headers["Content-Type"].startswith("text/markdown")


async def test_whole_articles(client: httpx.AsyncClient, sessions: Sessions, configure: Configure) -> None:
    configure(llms_full_bytes=6000)
    async with sessions.begin() as session:
        await make.author(session, "Ada")
        await make.post(session, "Old", datetime(2020, 1, 1, tzinfo=UTC), markdown="old text")
        await make.post(session, "Large", markdown="x" * 6000)
        await make.post(session, "New", markdown="## In it\n\n*new* text ü", authors=["ada"])
        await make.post(session, "Best", datetime(2019, 1, 1, tzinfo=UTC), markdown="best text", featured=True)
    text = (await client.get("/llms-full.txt")).text
    assert re.findall(r"^# (.+)$", text, re.MULTILINE) == ["Byline", "Best", "New", "Old"]
    assert "- Source: https://blog.example/posts/new\n" in text
    assert "- By: Ada\n\n## In it\n\n*new* text ü\n" in text
    assert text.endswith("Not in this file, for want of room: 1 more. The sitemap has them.\n")


async def test_budgets_hold_and_what_is_left_out_is_said(
    client: httpx.AsyncClient, sessions: Sessions, configure: Configure
) -> None:
    documents = import_documents(
        sessions, "x", read_folder(corpus("md-docusaurus-react-native")), language="en", dry_run=False
    )
    total = len([item async for item in documents])
    for limit in (4000, 20_000, 40_000_000):
        configure(llms_txt_bytes=limit, llms_full_bytes=limit)
        for path in ("/llms.txt", "/llms-full.txt"):
            answer = await client.get(path)
            assert len(answer.content) <= limit
            told = re.search(r"want of room: (\d+) more", answer.text)
            shown = len(re.findall(r"/v1/(?:posts|pages)/\S+\.md\)|^- Source: ", answer.text, re.MULTILINE))
            assert shown + (int(told[1]) if told else 0) == total
            if limit != 20_000:
                assert (told is None) == (limit > 4000)


@pytest.mark.parametrize("path", ["/llms.txt", "/llms-full.txt"])
async def test_unchanged_texts_are_not_sent_again(client: httpx.AsyncClient, path: str) -> None:
    etag = (await client.get(path)).headers["ETag"]
    assert (await client.get(path, headers={"If-None-Match": etag})).status_code == 304
