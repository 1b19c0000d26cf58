"""A certificate for `localhost` that nobody but a benchmark trusts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_REQUEST = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"


def certificate(folder: Path) -> Path:
    """Make one, with its key, in one file of this folder. Raises RuntimeError where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise RuntimeError("--tls needs the program openssl, which makes the certificate")
    made = folder / "localhost.pem"
    name = ("-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", str(made), "-out", str(folder / "localhost.cert"))
    subprocess.run([openssl, *_REQUEST.split(), *name, *files], check=True, capture_output=True)
    made.write_text(made.read_text() + (folder / "localhost.cert").read_text())
    return made
