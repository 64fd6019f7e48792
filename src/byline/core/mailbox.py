"""E-mail addresses that mail can be sent to."""

import re

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAILBOX = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")


def mailbox(address: str) -> str:
    """The address as SMTP has it without extensions: an ASCII name, and a host by IDNA. Raises ValueError."""
    name, _, host = address.rpartition("@")
    try:
        found = f"{name}@{host.encode('idna').decode()}"
    except UnicodeError:
        found = ""
    if len(found) > 254 or _MAILBOX.fullmatch(found) is None:
        raise ValueError("is no address that mail can be sent to")
    return found
