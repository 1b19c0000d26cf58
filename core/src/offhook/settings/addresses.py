"""The address types of the settings: host names, HTTP addresses, the provider's address."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def is_loopback(host: str) -> bool:
    """True if `host` (a name or an IP address, with or without brackets) is this machine alone."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
        raise ValueError("not a host name")
    return host


def _url(url: str, schemes: tuple[str, ...]) -> str:
    parts = urlsplit(url)
    if parts.scheme.lower() not in schemes or not parts.hostname or re.search(r"\s", url):
        raise ValueError("not an address")
    _ = parts.port  # raises ValueError for a port that is no number
    return url.rstrip("/")


def http_url(url: str) -> str:
    return _url(url, ("http", "https"))


def web_url(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise ValueError("user name and password in an address")
    return _url(url, ("http", "https", "ws", "wss"))


HOST = "a host name or an IP address"
HTTP_ADDRESS = "an http:// or https:// address"
WEB_ADDRESS = "an http(s):// or ws(s):// address, without a user name and password"

HostName = Annotated[str, AfterValidator(host_name)]
"""A host name or an IP address."""
OptionalHostName = Annotated[str, AfterValidator(lambda host: host and host_name(host))]
HttpUrl = Annotated[str, AfterValidator(http_url)]
"""`http://…` or `https://…`, without a slash at its end."""
OptionalHttpUrl = Annotated[str, AfterValidator(lambda url: url and http_url(url))]
WebUrl = Annotated[str, AfterValidator(web_url)]
"""`http(s)://…` or `ws(s)://…`, without credentials, and without a slash at its end."""
OptionalWebUrl = Annotated[str, AfterValidator(lambda url: url and web_url(url))]
