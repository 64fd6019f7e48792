import pytest

from byline.core.addresses import neighbourhood, origin, plain


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::1", "::1"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_ipv4_is_written_as_such(written: str, meant: str) -> None:
    assert plain(written) == meant


@pytest.mark.parametrize(
    ("address", "held"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:7::1", "2001:db8:0:7::"),
        ("2001:DB8:0:7:ffff:ffff:ffff:ffff", "2001:db8:0:7::"),
        ("fe80::1%eth0", "fe80::"),
        ("unknown", "unknown"),
        (None, "None"),
    ],
)
def test_a_customer_holds_64_bits_of_ipv6(address: str | None, held: str) -> None:
    assert neighbourhood(address) == held


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://Blog.Example/path?q#f", "https://blog.example"),
        ("HTTPS://blog.example:443/", "https://blog.example"),
        ("http://blog.example:80", "http://blog.example"),
        ("http://blog.example:443", "http://blog.example:443"),
        ("http://[2001:DB8::1]:8000/", "http://[2001:db8::1]:8000"),
    ],
)
def test_a_site_is_named_as_browsers_do(url: str, named: str) -> None:
    assert origin(url) == named
