"""A real Asterisk for the tests: one process, a run directory and ports of its own, everything on 127.0.0.1.

The programs come from the root file system that `scripts/install-asterisk` makes; any number of labs share
it. Each lab is chrooted there in a private mount namespace, in which its run directory lies at `/lab`. So
nothing has to be unmounted afterwards, and no two labs see each other. Needs root (chroot, mount namespace).

    with Lab(tmp_path / "lab") as asterisk:
        ...  # asterisk.ari_url, asterisk.sip_address, await asterisk.result(caller.number), asterisk.channels()
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote

HOST: Final = "127.0.0.1"
CONF: Final = Path(__file__).with_name("conf")
STAMP: Final = ".offhook-asterisk"
"""Written last by `scripts/install-asterisk`: a root with this file is complete."""
GREETING: Final = "conf-onlyperson"
"""The Asterisk sound with which extension 7001 asks for a greeting: three seconds of speech without a pause."""
START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 5.0

# Asterisk reports an error for each of these files that is absent; an empty one takes the defaults.
EMPTY_CONF: Final = (
    *("ccss", "cdr", "cel", "chan_websocket", "features", "manager"),
    *("musiconhold", "pjproject", "stasis", "udptl", "websocket_client"),
)

# Becomes Asterisk by exec, so that its pid is the one started here. It dies with the thread that started it,
# whatever way that ends: no Asterisk outlives a killed test run.
LAUNCH: Final = """
mount --bind "$1" "$2/lab" && mount -t proc proc "$2/proc" || exit 1
ulimit -n 16384 || true; ulimit -c 0
exec setpriv --pdeathsig KILL chroot "$2" /usr/sbin/asterisk -f -C /lab/etc/asterisk.conf
"""


class LabError(RuntimeError):
    """Asterisk is not installed, did not start, or did not do what a test waited for."""


@dataclass(frozen=True, slots=True)
class DialplanResult:
    """What the dialplan saw of one call at one moment."""

    phase: str
    """`stasis`: `Stasis()` gave the call back; `transferred`: at extension 610; `hangup`: extension `h`."""
    call: str
    """Asterisk's `UNIQUEID`, which is also the channel's id in ARI."""
    caller: str
    """The caller's number."""
    extension: str
    """The number that the caller dialled."""
    variables: dict[str, str | None]
    """The result variables, `STASISSTATUS` and `HANGUPCAUSE` by name; None where the variable is not set."""

    def __getitem__(self, name: str) -> str | None:
        return self.variables[name]


def asterisk_root() -> Path:
    """Where `scripts/install-asterisk` puts it: `OFFHOOK_ASTERISK_ROOT`, or `~/.cache/offhook/asterisk`."""
    return Path(os.environ.get("OFFHOOK_ASTERISK_ROOT") or Path.home() / ".cache/offhook/asterisk")


def why_not(root: Path) -> str:
    """What keeps a lab from running here, as one line; empty if nothing does."""
    if not (root / STAMP).exists():
        return f"no Asterisk in {root}: run scripts/install-asterisk"
    if os.geteuid() != 0:
        return "the tests with a real Asterisk need root (chroot and a mount namespace)"
    return ""


class Lab:
    """One Asterisk; a context manager, or `start()` and `stop()`. The directory stays, for reading.

    Start it in a thread that lives as long as it shall run (pytest's main thread): it is tied to that thread.
    """

    def __init__(self, directory: Path, *, root: Path | None = None, app: str = "offhook") -> None:
        self.directory = directory.resolve()
        self.root = (root or asterisk_root()).resolve()
        self.app = app
        """The Stasis application to which the extensions 70xx hand their calls."""
        self.ari_user = "lab"
        self.ari_password = secrets.token_hex(8)
        self.ari_port = 0
        self.sip_port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._results: list[DialplanResult] = []
        self._results_read = 0  # bytes of the file "results"
        self._pieces: dict[tuple[str, str], dict[str, str]] = {}

    # --- Start and stop ---------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Asterisk's own process id, for tests that freeze or kill it. LabError if it does not run."""
        if self._process is None:
            raise LabError("this Asterisk is not running")
        return self._process.pid

    def start(self) -> None:
        """Start Asterisk and return when every module is loaded and ARI answers (about half a second).

        The first start chooses free ports; a start after `stop()` takes the same ones again, so that a test
        can restart Asterisk under a running client. Raises LabError with the reason.
        """
        if reason := why_not(self.root):
            raise LabError(reason)
        chosen = self.ari_port != 0
        for attempt in range(3):
            if not chosen:
                self.ari_port, self.sip_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
            try:
                self.launch()
                deadline = time.monotonic() + START_SECONDS
                while not self.is_ready():
                    if time.monotonic() > deadline:
                        raise self._failure(f"is not ready after {START_SECONDS:g} seconds")
                    time.sleep(0.02)
                return
            except LabError:
                self.stop()
                # Somebody may have taken a port between our choice and Asterisk's bind.
                if chosen or attempt == 2 or "ddress already in use" not in self.log():
                    raise

    def launch(self) -> None:
        """Start the process and return at once: for those who cannot block, and then poll `is_ready()`."""
        if self._process is not None:
            raise LabError("this Asterisk is running already")
        self._render()
        with (self.directory / "log/stdout").open("wb") as stdout:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c"]  # noqa: RUF005 (one line a program)
                + [LAUNCH, "lab", str(self.directory), str(self.root)],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Whether Asterisk is up. LabError if it has ended, or logged an error while starting."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise self._failure(f"ended with status {self._process.returncode}")
        if "Asterisk Ready" not in self.log():
            return False
        if " ERROR[" in self.log():
            raise self._failure("reported an error at its start")
        try:
            self.ari("GET", "/asterisk/ping")
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End Asterisk with its calls, at once; no error if it does not run."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _render(self) -> None:
        for name in ("etc", "run", "log", "db", "spool/tmp", "spool/recording", "spool/monitor"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "log/messages").write_text("")
        modules = next(self.root.glob("usr/lib/*/asterisk/modules"))
        values = {
            "@MODULES@": f"/{modules.relative_to(self.root)}",
            "@NAME@": self.directory.name,
            "@APP@": self.app,
            "@GREETING@": GREETING,
            "@ARI_PORT@": str(self.ari_port),
            "@ARI_USER@": self.ari_user,
            "@ARI_PASSWORD@": self.ari_password,
            "@SIP_PORT@": str(self.sip_port),
        }
        for template in CONF.glob("*.conf"):
            text = template.read_text()
            for placeholder, value in values.items():
                text = text.replace(placeholder, value)
            (self.directory / "etc" / template.name).write_text(text)
        for name in EMPTY_CONF:
            (self.directory / "etc" / f"{name}.conf").write_text("[general]\n")

    def _failure(self, what: str) -> LabError:
        said = (self.directory / "log/stdout").read_text(errors="replace") + self.log()
        lines = [line for line in said.splitlines() if " ERROR[" in line] or said.splitlines()
        return LabError("\n  ".join([f"Asterisk {what} ({self.directory}):", *lines[-8:]]))

    # --- What a test talks to, and looks at -------------------------------------------------------------

    @property
    def ari_url(self) -> str:
        """ARI's address without `/ari`, as the setting `ASTERISK_ARI_URL` has it."""
        return f"http://{HOST}:{self.ari_port}"

    @property
    def sip_address(self) -> tuple[str, int]:
        """Host and UDP port for a `SipCaller`."""
        return HOST, self.sip_port

    def sound(self, name: str) -> Path:
        """The WAV file that Asterisk plays for the media URI `sound:<name>`. LabError if it has none."""
        # Not through Debian's link sounds/en: it is absolute, and leads out of the root.
        for path in self.root.glob(f"usr/share/asterisk/sounds/en_*/{name}.wav"):
            return path
        raise LabError(f"this Asterisk has no sound {name!r}")

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead Offhook here, by their environment names."""
        return {
            "ASTERISK_ARI_URL": self.ari_url,
            "ASTERISK_ARI_USERNAME": self.ari_user,
            "ASTERISK_ARI_PASSWORD": self.ari_password,
            "ASTERISK_ARI_APP_NAME": self.app,
        }

    def ari(self, method: str, path: str) -> Any:
        """One ARI request (`path` begins after `/ari`); the decoded answer, None if it is empty.

        Blocks for a millisecond or two. Raises OSError: HTTPError with its status, or no connection.
        """
        token = base64.b64encode(f"{self.ari_user}:{self.ari_password}".encode()).decode()
        request = urllib.request.Request(
            f"{self.ari_url}/ari{path}", method=method, headers={"Authorization": f"Basic {token}"}
        )
        with urllib.request.urlopen(request, timeout=5) as response:
            body = response.read()
        return json.loads(body) if body else None

    def channels(self) -> list[dict[str, Any]]:
        """Every channel that there is: callers, snoops, external media (`UnicastRTP/…`, `WebSocket/…`)."""
        channels: list[dict[str, Any]] = self.ari("GET", "/channels")
        return channels

    def bridges(self) -> list[dict[str, Any]]:
        """Every bridge that Asterisk has."""
        bridges: list[dict[str, Any]] = self.ari("GET", "/bridges")
        return bridges

    def leftovers(self) -> list[str]:
        """The channels and bridges that are there, for a person; empty when all calls are cleared away."""
        return [f"channel {channel['name']} ({channel['id']})" for channel in self.channels()] + [
            f"bridge {bridge['id']} with {len(bridge['channels'])} channels" for bridge in self.bridges()
        ]

    async def wait_clear(self, timeout_seconds: float = 3.0) -> None:
        """Wait until no channel and no bridge is left. LabError, with their names, if that takes longer."""
        deadline = time.monotonic() + timeout_seconds
        while left := self.leftovers():
            if time.monotonic() > deadline:
                raise LabError(f"after {timeout_seconds:g} s Asterisk still has: " + ", ".join(left))
            await asyncio.sleep(0.02)

    def clear(self) -> None:
        """Hang up every channel and destroy every bridge."""
        for kind, items in (("channels", self.channels()), ("bridges", self.bridges())):
            for item in items:
                try:
                    self.ari("DELETE", f"/{kind}/{item['id']}")
                except urllib.error.HTTPError as error:
                    if error.code != 404:  # gone meanwhile
                        raise

    def cli(self, command: str) -> str:
        """What Asterisk's command line answers, e.g. `cli("pjsip set logger on")`; traces go to `log()`."""
        done = subprocess.run(
            ["nsenter", f"--target={self.pid}", "--mount", "--root", "--wd", "/usr/sbin/asterisk"]  # noqa: RUF005
            + ["-C", "/lab/etc/asterisk.conf", "-rx", command],
            capture_output=True,
            text=True,
            timeout=10,
        )
        if done.returncode != 0:
            raise LabError(
                f"the CLI command {command!r} failed: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout

    def log(self) -> str:
        """Asterisk's log since its start: notices, warnings, errors, the dialplan's steps."""
        return (self.directory / "log/messages").read_text(errors="replace")

    # --- What the dialplan saw --------------------------------------------------------------------------

    def results(self, caller: str | None = None) -> list[DialplanResult]:
        """What the dialplan has recorded so far, in order of time; of one caller, if a number is given."""
        self._read_results()
        return [result for result in self._results if caller in (None, result.caller)]

    async def result(
        self, caller: str, phase: str = "stasis", timeout_seconds: float = 5.0
    ) -> DialplanResult:
        """Wait for the record of this caller's call in this phase. LabError if it does not come in time."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            found = [result for result in self.results(caller) if result.phase == phase]
            if found:
                return found[-1]
            if time.monotonic() > deadline:
                there = [result.phase for result in self.results(caller)]
                raise LabError(
                    f"no result {phase!r} of caller {caller} in {timeout_seconds:g} s; there: {there}"
                )
            await asyncio.sleep(0.02)

    def _read_results(self) -> None:
        """Read on in the dialplan's file; its format is described in `conf/extensions.conf`."""
        path = self.directory / "results"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._results_read)
            whole_lines, end, _ = file.read().rpartition(b"\n")
        self._results_read += len(whole_lines + end)
        for line in whole_lines.decode().splitlines():
            phase, call, caller, extension, name, value = line.split(" ")
            record = self._pieces.setdefault((phase, call), {})
            if name != "end":
                record[name] = record.get(name, value[:1]) + value[1:]
                continue
            variables = {key: unquote(text[1:]) if text != "-" else None for key, text in record.items()}
            del self._pieces[phase, call]
            self._results.append(DialplanResult(phase, call, unquote(caller), unquote(extension), variables))


def free_port(kind: socket.SocketKind) -> int:
    """A port of 127.0.0.1 that nobody has at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
