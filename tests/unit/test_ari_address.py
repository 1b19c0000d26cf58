"""Which ARI URLs an operator may write, and what is said about the others."""

import pytest

from offhook.ari.address import ari_base_url


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("http://localhost:8088", "http://localhost:8088/ari"),
        ("http://localhost:8088/", "http://localhost:8088/ari"),
        ("  http://localhost:8088\n", "http://localhost:8088/ari"),
        ("http://localhost:8088/ari", "http://localhost:8088/ari"),
        ("http://localhost:8088/ari/", "http://localhost:8088/ari"),
        ("https://pbx.example", "https://pbx.example/ari"),
        ("https://pbx.example/prefix", "https://pbx.example/prefix/ari"),
        ("https://pbx.example/prefix/ari/", "https://pbx.example/prefix/ari"),
        ("http://pbx.example/safari", "http://pbx.example/safari/ari"),
        ("http://[::1]:8088", "http://[::1]:8088/ari"),
    ],
)
def test_a_url_leads_to_the_resources(written: str, used: str) -> None:
    assert str(ari_base_url(written)) == used


@pytest.mark.parametrize(
    "written",
    [
        "",
        "localhost:8088",
        "ws://localhost:8088",
        "ftp://localhost",
        "http://",
        "http://:8088",
        "/ari",
        "http://localhost:no",
        "http://localhost:99999",
        "http://localhost:8088?app=x",
        "http://localhost:8088/#x",
    ],
)
def test_what_is_no_address_of_ari_is_refused_with_what_is_allowed(written: str) -> None:
    with pytest.raises(ValueError, match=r"http://HOST:PORT or https://HOST:PORT") as refused:
        ari_base_url(written)
    assert repr(written) in str(refused.value)


@pytest.mark.parametrize("written", ["http://me:s3cret@pbx:8088", "me:s3cret@pbx", "http://s3cret@pbx"])
def test_a_password_in_the_url_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(ValueError, match="user or a password") as refused:
        ari_base_url(written)
    assert "s3cret" not in str(refused.value)
