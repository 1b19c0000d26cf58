"""From the ARI URL that an operator writes to the address that requests go to."""

from __future__ import annotations

from yarl import URL


def ari_base_url(url: str) -> URL:
    """The URL below which ARI's resources are, `…/ari` without a slash at its end.

    `http://pbx:8088`, `https://pbx.example/prefix` (Asterisk's `prefix` of http.conf, or a reverse proxy's)
    and either with `/ari` at its end are all right. Raises `ValueError`, which never repeats a password.
    """
    allowed = "allowed: http://HOST:PORT or https://HOST:PORT, with a path prefix if Asterisk has one"
    if "@" in url:
        raise ValueError("The ARI URL holds a user or a password; these have settings of their own")
    try:
        base = URL(url.strip())
        host, port = base.host, base.port
    except ValueError as error:
        raise ValueError(f"The ARI URL {url!r} cannot be read ({error}); {allowed}") from None
    if base.scheme not in ("http", "https") or not host or not port:
        raise ValueError(f"The ARI URL {url!r} is not an address of ARI; {allowed}")
    if base.raw_query_string or base.raw_fragment:
        raise ValueError(f"The ARI URL {url!r} has a query or a fragment; {allowed}")
    path = base.path.rstrip("/")
    return base.with_path(path if path.endswith("/ari") else f"{path}/ari")
