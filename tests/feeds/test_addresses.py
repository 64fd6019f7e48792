import pytest

from byline.core.markdown import render
from byline.core.uris import absolute, uri
from byline.feeds.addresses import with_absolute_addresses

PAGE = "https://blog.example/posts/how-to-measure"


@pytest.mark.parametrize(
    ("address", "written"),
    [
        (PAGE, PAGE),
        ("https://blog.example/posts/测量", "https://blog.example/posts/%E6%B5%8B%E9%87%8F"),
        ("https://blog.example/a%20b?c=d&e=ü#f", "https://blog.example/a%20b?c=d&e=%C3%BC#f"),
    ],
)
def test_uri_is_ascii_and_written_once(address: str, written: str) -> None:
    assert uri(address) == written
    assert uri(written) == written


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/media/scale.jpg", "https://blog.example/media/scale.jpg"),
        ("scale.jpg", "https://blog.example/posts/scale.jpg"),
        ("#fn:1", f"{PAGE}#fn:1"),
        ("?page=2", f"{PAGE}?page=2"),
        ("//cdn.example/x.js", "https://cdn.example/x.js"),
        ("http://other.example/", "http://other.example/"),
        ("mailto:ada@example.com", "mailto:ada@example.com"),
        ("tel:+15550100", "tel:+15550100"),
        ("//[", "//["),
    ],
)
def test_address_leads_where_it_leads_from_the_page(address: str, target: str) -> None:
    assert absolute(address, base=PAGE) == target


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("[x](/a?b&c)", '<p><a href="https://blog.example/a?b&amp;c">x</a></p>\n'),
        ("![y](z.png)", '<p><img src="https://blog.example/posts/z.png" alt="y"></p>\n'),
        ('<video poster="/p.png" src="/v.mp4">', None),
        ("[^1]\n\n[^1]: note", None),
    ],
)
def test_rendered_html_gets_absolute_addresses(markdown: str, html: str | None) -> None:
    written = with_absolute_addresses(render(markdown).html, base=PAGE)
    assert html in (None, written)
    for start in ('href="', 'src="', 'poster="'):
        assert written.count(start) == written.count(f"{start}https://blog.example/")


@pytest.mark.parametrize(
    "markdown",
    [
        'A word like href="/x", and `<a href="/x">` in code',
        '<abbr title=" href=">a</abbr> <abbr title="href=&quot;/x&quot;">b</abbr> and src="',
        '[x](https://other.example/ "src=&quot;/y&quot;")',
        '<img alt="&lt;a href=/x>">',
        "no tag at all: 1 < 2 > 0",
    ],
)
def test_nothing_else_changes(markdown: str) -> None:
    html = render(markdown).html
    assert with_absolute_addresses(html, base=PAGE) == html
