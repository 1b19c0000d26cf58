"""Run the simulated Asterisk as a program, for plugin development and load tests.

python -m offhook.simulators.asterisk --port 8088 --calls 2 7000 heard play:question.wav quiet:1 dtmf:12# bye

`DESCRIPTION` says what it does, `script.py` what the steps are.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from offhook.simulators.asterisk.script import STEPS, check, check_files, run
from offhook.simulators.asterisk.server import SimulatedAsterisk
from offhook.simulators.command_line import cannot_serve, count, port, rate
from offhook.simulators.wav import read_wav

DESCRIPTION = """\
Run the simulated Asterisk as a program, for plugin development and load tests. It serves ARI until it is
interrupted. With an extension it waits for the application, places the calls, prints one JSON line for each
when it is over, and ends; the exit status is 1 when a step of a call was not met.
"""


def _steps() -> str:
    width = max(map(len, STEPS))
    lines = "\n".join(f"  {step:<{width}}  {meaning}" for step, meaning in STEPS.items())
    return (
        f"Steps of a caller (in [ ]: may be left out; S is seconds):\n{lines}\n\n"
        "A call that is still up after the last step is hung up. For example:\n"
        "  offhook simulate asterisk 7000 heard quiet:1 play:question.wav heard dtmf:12# bye"
    )


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; leaves with a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="offhook simulate asterisk",
        description=DESCRIPTION,
        epilog=_steps(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address of ARI and RTP (default %(default)s)")
    parser.add_argument(
        "--port", type=port, default=8088, help="port of ARI, 0 for any (default %(default)s)"
    )
    parser.add_argument("--username", default="offhook", help="ARI user (default %(default)s)")
    parser.add_argument("--password", default="offhook", help="ARI password (default %(default)s)")
    parser.add_argument("--app", default="openai-ari-app", help="Stasis application (default %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a channel variable")
    parser.add_argument(
        "--sound", action="append", default=[], metavar="NAME=WAV", help="a sound for sound:NAME"
    )
    parser.add_argument("--calls", type=count, default=1, help="how many calls (default %(default)s)")
    parser.add_argument("--rate", type=rate, default=10.0, help="new calls a second (default %(default)s)")
    parser.add_argument("extension", nargs="?", help="the extension to call")
    parser.add_argument("step", nargs="*", help="what each caller does once answered, one step after another")
    parsed = parser.parse_args(words)
    for option in ("set", "sound"):
        if wrong := [pair for pair in getattr(parsed, option) if "=" not in pair]:
            parser.error(f"--{option} {wrong[0]}: NAME=VALUE is wanted")
    try:
        check(parsed.step)
    except ValueError as error:
        parser.error(str(error))
    return parsed


async def serve(options: argparse.Namespace) -> int:
    """Serve, and place the calls if there are any. Returns the exit status."""
    asterisk = SimulatedAsterisk(
        options.host,
        options.port,
        username=options.username,
        password=options.password,
        app=options.app,
        sounds=dict(pair.split("=", 1) for pair in options.sound),
    )
    try:
        try:
            await asterisk.start()
        except OSError as error:
            _tell(f"offhook simulate asterisk: {cannot_serve(options.host, options.port, error)}")
            return 1
        _tell(f"ARI at {asterisk.url}, user {options.username}, application {options.app}")
        _tell("waiting for the application to connect (`offhook run`, with this URL as ASTERISK_ARI_URL)")
        await asterisk.connected(timeout_seconds=None)
        _tell(f"the application {options.app} has connected")
        if options.extension is None:
            await asyncio.Event().wait()
        return await _place_calls(asterisk, options)
    finally:
        await asterisk.stop()


async def _place_calls(asterisk: SimulatedAsterisk, options: argparse.Namespace) -> int:
    variables = dict(pair.split("=", 1) for pair in options.set)

    async def place(number: int) -> bool:
        await asyncio.sleep(number / options.rate)
        call = await asterisk.dial(options.extension, variables=variables, caller_number=str(100 + number))
        facts = await run(call, options.step)
        print(json.dumps(facts, ensure_ascii=False), flush=True)
        return facts["failed"] is None

    met = await asyncio.gather(*(place(number) for number in range(options.calls)))
    await asyncio.sleep(0.5)  # the application clears up after the last call
    return 0 if all(met) else 1


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(words: Sequence[str] | None = None) -> int:
    """The program: `words` are the command line's arguments. Returns the exit status."""
    options = arguments(sys.argv[1:] if words is None else words)
    try:
        for pair in options.sound:
            read_wav(pair.partition("=")[2])
        check_files(options.step)
    except ValueError as error:
        _tell(f"offhook simulate asterisk: {error}")
        return 2
    try:
        return asyncio.run(serve(options))
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
