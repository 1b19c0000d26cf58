"""The command line: a thin door to the host, the demonstration and the simulators."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from offhook import __version__
from offhook.ari import AriError, AriUnreachable, Unauthorized
from offhook.console import ConsoleError
from offhook.host import Host, HostError
from offhook.plugins.hooks import BadPlugin, Hooks
from offhook.plugins.listing import listed
from offhook.plugins.loader import PluginConflict, survey, unmatched
from offhook.plugins.new_plugin import KINDS, NewPluginRefused, new_plugin
from offhook.replay import JournalError, Moment, find_journal, replay
from offhook.replay_text import moment_text, report
from offhook.settings import LayeredSettings, Settings, SettingsError, describe, load_settings
from offhook.telemetry.logs import set_up_logging

log = logging.getLogger("offhook")

Result = TypeVar("Result")


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 all went well, 1 it did not, 2 something is set wrongly."""
    words = sys.argv[1:] if words is None else list(words)
    if words[:1] == ["simulate"]:
        return simulate(words[1:])
    parser = _parser()
    if not words:
        parser.print_help(sys.stderr)
        return 2
    options = parser.parse_args(words)
    try:
        status: int = options.command(options)
    except SettingsError as error:
        print(f"offhook: {error}", file=sys.stderr)
        return 2
    except _NotPrinted as error:
        _write_no_more()
        if isinstance(error.reason, BrokenPipeError):  # whoever read it wants no more
            return 128 + signal.SIGPIPE
        print(f"offhook: the output cannot be written: {error.reason.strerror}", file=sys.stderr)
        return 2
    return status


# --- Commands ---------------------------------------------------------------------------------------------


def run(options: argparse.Namespace) -> int:
    """`offhook run`: serve the calls of a real Asterisk until SIGTERM or Ctrl-C."""
    layered = _settings(options)
    set_up_logging(layered.settings.logging.level)
    for warning in layered.warnings:
        log.warning("%s", warning)
    try:
        _run_in_loop(lambda: _serve(layered))
    except (AriError, ConsoleError, HostError, PluginConflict, BadPlugin, OSError) as error:
        print(f"offhook: {_explained(error, layered.settings)}", file=sys.stderr)
        return 1
    return 0


async def _serve(layered: LayeredSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    async with Host(layered) as host:
        log.info("console at %s", host.console_url)
        # A full collection walks through everything and holds up every call meanwhile. What is there now, most of it
        # modules, stays anyhow.
        gc.collect()
        gc.freeze()
        serving = asyncio.create_task(host.serve())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        log.info("stopping: no new calls, those that run are ended")
        for task in (serving, stopped):
            task.cancel()


def config(options: argparse.Namespace) -> int:
    """`offhook config`: every effective value and the layer that it came from."""
    layered = _settings(options)
    rows = describe(layered)
    if options.json:
        _print(json.dumps([row._asdict() for row in rows], ensure_ascii=False, indent=2))
    else:
        _print(_table([("SETTING", "VALUE", "FROM"), *((row.env, row.value, row.origin) for row in rows)]))
    for warning in layered.warnings:
        print(f"offhook: {warning}", file=sys.stderr)
    return 0


def plugins(options: argparse.Namespace) -> int:
    """`offhook plugins`: what is installed, what becomes of it and why; 1 if something is not as it should be."""
    layered = _settings(options)
    chosen = layered.settings.plugins
    set_up_logging(layered.settings.logging.level)
    with contextlib.redirect_stdout(sys.stderr):  # a plugin that prints at its import is no part of the list
        found = survey(disabled=chosen.disabled, choices=chosen.choices)
    rows = listed(found, disabled_in=layered.origin("plugins.disabled"))
    if options.json:
        _print(json.dumps([row.as_json() for row in rows], ensure_ascii=False, indent=2))
    else:
        cells = [(row.name, row.distribution, row.version, row.status, row.about) for row in rows]
        _print(_table([("PLUGIN", "DISTRIBUTION", "VERSION", "STATUS", "ABOUT"), *cells], longest=None))
    complaints = [*layered.warnings, *unmatched(found, chosen.disabled, chosen.choices)]
    complaints += dict.fromkeys(plugin.conflict for plugin in found if plugin.conflict)
    if chosen.strict_plugins and any(plugin.error for plugin in found):
        complaints.append("with a broken plugin `offhook run` does not start (OFFHOOK_STRICT_PLUGINS)")
    for complaint in complaints:
        print(f"offhook: {complaint}", file=sys.stderr)
    return 0 if all(row.fine for row in rows) else 1


def plugins_new(options: argparse.Namespace) -> int:
    """`offhook plugins new NAME`: a plugin to start from, with tests that pass."""
    try:
        directory = new_plugin(options.name, kind=options.kind, directory=options.directory)
    except (NewPluginRefused, OSError) as error:
        print(f"offhook: {error}", file=sys.stderr)
        return 2 if isinstance(error, NewPluginRefused) else 1
    place = str(directory) if directory.is_absolute() else f"./{directory}"
    print(
        f"A plugin to start from is in {directory}. Next:\n\n"
        f"    pip install -e {shlex.quote(f'{place}[test]')}\n"
        f"    pytest {shlex.quote(place)}\n"
        f"    offhook plugins"
    )
    return 0


def replay_call(options: argparse.Namespace) -> int:
    """`offhook replay CALL`: decide a call again from its journal; 1 if something is decided otherwise now."""
    layered = _settings(options)
    chosen = layered.settings.plugins
    set_up_logging(layered.settings.logging.level)

    def tell(moment: Moment) -> None:
        if options.show and (text := moment_text(moment)):
            _print(text)

    with contextlib.ExitStack() as opened:
        try:
            journal = find_journal(options.call, layered.settings.logging.journal_dir)
            lines = opened.enter_context(journal.open(encoding="utf-8", errors="surrogateescape"))
            hooks = Hooks.installed(disabled=chosen.disabled, choices=chosen.choices)
            opened.callback(hooks.close)
        except (PluginConflict, OSError) as error:
            print(f"offhook: {error}", file=sys.stderr)
            return 2
        try:
            replayed = replay(lines, hooks, tell=tell)
        except JournalError as error:
            print(f"offhook: {options.call} is not a journal that can be read: {error}", file=sys.stderr)
            return 2
    _print(report(replayed))
    return 0 if replayed.difference is None else 1


def demo(options: argparse.Namespace) -> int:
    """`offhook demo`: a whole call, without a key, Asterisk or network."""
    try:
        # Imported here: the simulators are no part of a host that serves calls.
        from offhook.demo import DemoError, DemoOptions, OutputLost, hold_call

        set_up_logging("debug" if options.verbose else "error")
        wanted = DemoOptions(
            wav=options.wav, mode=options.mode, json=options.json, directory=options.directory
        )
        try:
            return _run_in_loop(lambda: hold_call(wanted))
        except (DemoError, PluginConflict) as error:
            print(f"offhook: {error}", file=sys.stderr)
            return 2
        except OutputLost as error:
            if not isinstance(error.reason, BrokenPipeError):  # whoever read it wants no more
                print(f"offhook: the output cannot be written: {error.reason.strerror}", file=sys.stderr)
            _write_no_more()
            return 1
    except KeyboardInterrupt:
        return 130


def simulate(words: Sequence[str]) -> int:
    """`offhook simulate realtime|asterisk`: the simulators as programs; each has options of its own."""
    if words[:1] == ["realtime"]:
        from offhook.simulators.realtime.__main__ import main as realtime

        return realtime(words[1:])
    if words[:1] == ["asterisk"]:
        from offhook.simulators.asterisk.__main__ import main as asterisk

        return asterisk(words[1:])
    asked_for_help = words[:1] in (["-h"], ["--help"])
    print(
        "usage: offhook simulate realtime|asterisk [options]\n\n"
        "  realtime   a Realtime API server that listens and speaks\n"
        "  asterisk   an Asterisk with ARI, RTP and callers\n\n"
        "`offhook simulate realtime --help` and `offhook simulate asterisk --help` list the options.",
        file=sys.stdout if asked_for_help else sys.stderr,
    )
    return 0 if asked_for_help else 2


# --- Pieces -----------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="offhook", description="The OpenAI Realtime API behind any Asterisk extension."
    )
    parser.add_argument("--version", action="version", version=f"offhook {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serving = commands.add_parser("run", help="serve the calls of an Asterisk")
    serving.set_defaults(command=run)
    listing = commands.add_parser("config", help="show every setting and where it comes from")
    listing.set_defaults(command=config)
    installed = commands.add_parser(
        "plugins", help="show every plugin, what it does and what is wrong with it"
    )
    installed.set_defaults(command=plugins)
    for command in (listing, installed):
        command.add_argument("--json", action="store_true", help="as JSON")
    again = commands.add_parser("replay", help="decide a call again from its journal, and compare")
    again.set_defaults(command=replay_call)
    again.add_argument("call", metavar="CALL", help="the journal's file, or the call's id (OFFHOOK_CALL_ID)")
    again.add_argument("--show", action="store_true", help="what happened when, and what the call did")
    for command in (serving, listing, installed, again):
        command.add_argument("--config", type=Path, metavar="FILE", help="a JSON file with settings")
        command.add_argument(
            "--env-file",
            type=Path,
            metavar="FILE",
            help="a file of environment variables (default: .env, if any)",
        )

    writing = installed.add_subparsers(metavar="[new]", title="to write one")
    making = writing.add_parser("new", help="make a plugin to start from")
    making.set_defaults(command=plugins_new)
    making.add_argument("name", metavar="NAME", help="of the plugin: a letter, then letters, digits, - and _")
    making.add_argument("--kind", choices=KINDS, default="mode", help="what it is (default %(default)s)")
    making.add_argument("--directory", type=Path, metavar="DIR", help="where it goes (default offhook-NAME)")

    showing = commands.add_parser("demo", help="hold a whole call without key, Asterisk and network")
    showing.set_defaults(command=demo)
    showing.add_argument("--wav", type=Path, metavar="FILE", help="what the caller says (mono, 16 bits)")
    showing.add_argument("--mode", default="VAD", help="activation mode (default %(default)s)")
    showing.add_argument("--json", action="store_true", help="one JSON object a line")
    showing.add_argument(
        "--directory", type=Path, default=Path("offhook-demo"), help="for the recording (default %(default)s)"
    )
    showing.add_argument("--verbose", action="store_true", help="the host's log as well")

    commands.add_parser("simulate", help="run a simulated Realtime server or a simulated Asterisk")
    return parser


class _NotPrinted(Exception):
    """What a command was to print could not be written."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def _print(text: str) -> None:
    """Print at once, with what could command a terminal, or cannot be written as UTF-8, escaped. Raises _NotPrinted."""
    try:
        print(_CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text), flush=True)
    except OSError as error:
        raise _NotPrinted(error) from error


def _write_no_more() -> None:
    # What is still in the buffer would be tried again at the end, and fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _settings(options: argparse.Namespace) -> LayeredSettings:
    given: Path | None = options.env_file
    if given is not None and (given.is_dir() or not given.exists()):
        raise SettingsError([f"the file {given} (--env-file) does not exist"])
    return load_settings(config_file=options.config, dotenv=given or Path(".env"))


def _explained(error: Exception, settings: Settings) -> str:
    """What went wrong at the start, with the settings to look at."""
    asterisk = settings.asterisk
    match error:
        case Unauthorized():
            return (
                f"Asterisk at {asterisk.ari_url} refused the login of the ARI user {asterisk.ari_username!r} "
                f"(ASTERISK_ARI_USERNAME, ASTERISK_ARI_PASSWORD; ari.conf): {error}"
            )
        case AriUnreachable():
            return f"Asterisk's ARI at {error.reason} (ASTERISK_ARI_URL)"
        case AriError():
            return f"Asterisk's ARI at {asterisk.ari_url} (ASTERISK_ARI_URL) cannot be used: {error}"
        case OSError(filename=None, strerror=str(reason)):  # without the number of the error
            return reason
        case _:
            return str(error)


def _table(rows: Sequence[tuple[str, ...]], *, longest: int | None = 60) -> str:
    """Columns as wide as their content; what is longer than `longest` is cut, `--json` shows it whole."""
    shown = [[_cut(cell, longest) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in shown)
    return "\n".join(line.rstrip() for line in lines)


def _cut(text: str, longest: int | None) -> str:
    flat = " ".join(text.split())
    return flat if longest is None or len(flat) <= longest else f"{flat[: longest - 1]}…"


def _run_in_loop(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run in an event loop of its own: uvloop's where the extra `offhook[fast]` is installed."""
    factory = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work())


if __name__ == "__main__":
    sys.exit(main())
