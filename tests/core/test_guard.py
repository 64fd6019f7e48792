"""Addresses that users give lead out into the world alone, whatever they are written as, and whoever looks them up."""

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from byline.core import outgoing
from byline.core.guard import AddressRefused, Guard, look_up
from byline.core.outgoing import Answer, Outgoing, OutgoingError
from tests.core.test_outgoing import saying, server

LOOPBACK = [ip_network("127.0.0.0/8")]

# By the ways to say where: in numbers, in IPv6, in letters that are made into numbers, and in what is no address.
HOSTILE = [
    "http://127.0.0.1/",
    "http://127.0.0.1:8000/",
    "https://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.255.255.254/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0X7F.1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://00000177.0x0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://0.1.2.3/",
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://3232235777/",
    "http://100.64.0.1/",
    "http://100.100.100.200/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://168.63.129.16/",
    "http://192.0.0.1/",
    "http://192.0.2.1/",
    "http://198.18.0.1/",
    "http://198.51.100.1/",
    "http://203.0.113.1/",
    "http://192.88.99.1/",
    "http://224.0.0.1/",
    "http://239.255.255.250:1900/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::127.0.0.1]/",
    "http://[::7f00:1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::a00:1]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::1]/",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[100::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    "http://[fe80::1%lo]/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[ff02::1]/",
    "http://[5f00::1]/",
    "http://127。0。0。1/",
    "http://１２７.０.０.１/",
    "http://①②⑦.⓪.⓪.①/",
    "http://⑯⑨。②⑤④。⑯⑨。②⑤④/",
    "http://%31%32%37.0.0.1/",
    "http://localhost/",
    "http://LOCALHOST:8000/",
    "http://localhost./",
    "http://user@127.0.0.1/",
    "http://user:password@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1@example.com/",
    "http://127.0.0.1\\@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1#@example.com/",
    "http://example.com#@127.0.0.1/",
    "http://1.1.1.1 &@2.2.2.2# @127.0.0.1/",
    "http://127.0.0.1\t/",
    "http://exam\r\nple.com/",
    "http://example.com\0.127.0.0.1/",
    "http:127.0.0.1/",
    "http:///127.0.0.1/",
    "http://[::1/",
    "http://[127.0.0.1]/",
    "http://example.com:22/",
    "http://example.com:25/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:port/",
    "//127.0.0.1/",
    "127.0.0.1",
    "",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "unix:///var/run/docker.sock",
    "javascript:alert(1)",
    "https://" + "a" * 3000,
]


class Names:
    """A server of names: each look-up is given the next answer, and the last one from then on."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def here(host: str, port: int) -> Sequence[str]:
    """What the system makes of a number or of its own name; all else is a public host, for no test asks anybody."""
    if "example" in host:
        return ["93.184.215.14"]
    return await look_up(host, port)


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_address_is_refused(url: str) -> None:
    with pytest.raises((AddressRefused, OSError)):
        await Guard(resolve=here).targets(url)
    with pytest.raises(OutgoingError):
        await Outgoing(guard=Guard(resolve=here)).request("POST", url, content=b"{}")


@pytest.mark.parametrize("url", [url for url in HOSTILE if "localhost" not in url.lower()])
def test_all_but_names_are_refused_without_a_look_up(url: str) -> None:
    with pytest.raises(AddressRefused):
        Guard().check(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "fe80::1%1",
        "fd00::1",
        "2002:a00:1::",
        "2606:4700::1%eth0",
        "nonsense",
    ],
)
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    """Alone, or among public ones: so not even the choice among many is left to who answers."""
    for answer in ([address], ["93.184.215.14", address, "2606:4700::1"], [address, "93.184.215.14"]):
        with pytest.raises(AddressRefused) as refused:
            await Guard(resolve=Names(answer)).targets("https://inside.example/")
        assert address not in str(refused.value)
    with pytest.raises(AddressRefused):
        await Guard(resolve=Names([])).targets("https://nowhere.example/")


@pytest.mark.parametrize(
    ("url", "address", "target"),
    [
        ("https://example.com/a?b=c", "93.184.215.14", "https://93.184.215.14/a?b=c"),
        ("https://example.com:8443/", "2606:4700::1", "https://[2606:4700::1]:8443/"),
        ("http://example.com./", "64:ff9b::5db8:d70e", "http://[64:ff9b::5db8:d70e]/"),
        ("http://example.com:80/", "::ffff:93.184.215.14", "http://[::ffff:5db8:d70e]/"),
    ],
)
async def test_public_addresses_may_be_asked(url: str, address: str, target: str) -> None:
    names = Names([address])
    [found] = await Guard(resolve=names).targets(url)
    assert (str(found.url), found.name) == (target, "example.com")
    assert len(names.asked) == 1


async def test_a_name_in_any_script_is_looked_up_in_ascii() -> None:
    names = Names(["93.184.215.14"])
    [found] = await Guard(resolve=names).targets("https://exämple.com:8443/ä")
    assert names.asked == [("xn--exmple-cua.com", 8443)]
    assert (found.host, found.name) == ("xn--exmple-cua.com:8443", "xn--exmple-cua.com")


async def test_a_name_is_looked_up_once_and_that_address_is_asked() -> None:
    """Rebinding: the first answer may be asked, each one after it leads elsewhere."""
    async with server(saying("200 OK", content=b"first")) as (url, requests):
        port = int(url.rpartition(":")[2])
        names = Names(["127.0.0.1"], ["127.0.0.66"])
        guard = Guard([ip_network("127.0.0.1/32")], names)
        answer = await Outgoing(guard=guard).request("POST", f"http://rebind.example:{port}/x", content=b"{}")
        assert answer == Answer(200, b"first")
        assert names.asked == [("rebind.example", port)]
        with pytest.raises(OutgoingError, match="not public"):
            await Outgoing(guard=guard).request("POST", f"http://rebind.example:{port}/x", content=b"{}")
    assert len(requests) == 1
    assert f"host: rebind.example:{port}\r\n".encode() in requests[0].lower()


async def test_rebinding_from_outside_to_inside() -> None:
    """What was public when the address was saved is asked anew for each request."""
    async with server(saying("200 OK")) as (url, requests):
        guard = Guard(resolve=Names(["93.184.215.14"], ["127.0.0.1"]))
        target = url.replace("127.0.0.1", "rebind.example")
        assert await guard.targets(target)
        with pytest.raises(OutgoingError, match="not public"):
            await Outgoing(guard=guard).request("POST", target, content=b"{}")
    assert requests == []


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
async def test_a_redirect_inside_is_not_followed(status: str) -> None:
    async with server(saying("200 OK", content=b"secret")) as (inside, asked):
        async with server(saying(f"{status} Elsewhere", f"Location: {inside}/")) as (url, requests):
            answer = await Outgoing(guard=Guard(LOOPBACK)).request("POST", url, content=b"{}")
            assert answer == Answer(int(status), b"")
    assert len(requests) == 1 and asked == []


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with server(saying("200 OK", content=b"straight")) as (url, _):
        assert (await Outgoing(guard=Guard(LOOPBACK)).request("GET", url)).content == b"straight"


async def test_hosts_inside_are_asked_where_the_operator_allows_it() -> None:
    async with server(saying("204 No Content")) as (url, requests):
        for allowed in ([], [ip_network("10.0.0.0/8")], [ip_network("::1/128")], [ip_network("127.0.0.2/32")]):
            with pytest.raises(OutgoingError, match="not public"):
                await Outgoing(guard=Guard(allowed)).request("POST", url, content=b"{}")
        assert requests == []
        assert (await Outgoing(guard=Guard(LOOPBACK)).request("POST", url, content=b'{"a":1}')).status == 204
    assert requests[0].endswith(b'\r\n\r\n{"a":1}')


async def test_of_many_addresses_the_first_that_answers_is_asked() -> None:
    async with server(saying("200 OK", content=b"second")) as (url, _):
        guard = Guard([*LOOPBACK, ip_network("::1/128")], Names(["::1", "127.0.0.1"]))
        target = url.replace("127.0.0.1", "many.example")
        assert (await Outgoing(guard=guard).request("GET", target)).content == b"second"
    with pytest.raises(OutgoingError):
        await Outgoing(guard=guard).request("GET", target)


async def test_a_long_answer_is_read_to_a_length() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with server(endless) as (url, _):
        answer = await Outgoing(max_bytes=1000, guard=Guard(LOOPBACK)).request("GET", url)
    assert answer == Answer(200, b"x" * 1000)


async def test_what_is_packed_stays_packed() -> None:
    async with server(saying("200 OK", "Content-Encoding: gzip", content=b"no gzip at all")) as (url, _):
        assert (await Outgoing(guard=Guard(LOOPBACK)).request("GET", url)).content == b"no gzip at all"


@pytest.mark.parametrize(
    "headers", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
async def test_dripping_does_not_stretch_the_time(headers: bytes) -> None:
    async def dripping(writer: asyncio.StreamWriter) -> None:
        writer.write(headers)
        while True:
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(b"x" if b"100" not in headers else headers)

    async with server(dripping) as (url, _):
        with pytest.raises(OutgoingError, match=r"no answer within 0\.2 seconds"):
            await Outgoing(timeout=0.2, guard=Guard(LOOPBACK)).request("GET", url)


async def test_a_look_up_does_not_stretch_the_time() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(OutgoingError, match=r"no answer within 0\.05 seconds"):
        await Outgoing(timeout=0.05, guard=Guard(resolve=never)).request("GET", "https://example.com")


async def test_a_name_that_is_not_there() -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    with pytest.raises(OutgoingError, match="not known"):
        await Outgoing(guard=Guard(resolve=nobody)).request("GET", "https://example.com")


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """Of `receiver.example`, and trusted for the time of the test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("receiver.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = tmp_path / "certificate.pem", tmp_path / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(*encoding))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    outgoing._trusted.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    yield context
    outgoing._trusted.cache_clear()


async def test_tls_asks_for_the_name_not_the_address(certificate: ssl.SSLContext) -> None:
    named: list[str | None] = []
    certificate.sni_callback = lambda _socket, name, _context: named.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificate) as listening:
        port = listening.sockets[0].getsockname()[1]
        client = Outgoing(guard=Guard(LOOPBACK, Names(["127.0.0.1"])))
        assert (await client.request("GET", f"https://receiver.example:{port}/")).status == 200
        assert (await client.request("GET", f"https://receiver.example.:{port}/")).status == 200
        for wrong in ("other.example", "127.0.0.1"):
            with pytest.raises(OutgoingError, match="certificate"):
                await client.request("GET", f"https://{wrong}:{port}/")
    assert named[:3] == ["receiver.example", "receiver.example", "other.example"]
