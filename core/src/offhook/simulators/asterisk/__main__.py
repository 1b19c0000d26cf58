"""Run the simulated Asterisk as a program, for plugin development and load tests.

python -m offhook.simulators.asterisk --port 8088 --calls 2 7000 heard play:question.wav quiet:1 dtmf:12# bye

It serves ARI until it is interrupted. With steps (see `script.py`) it waits for the application, places the
calls, prints one JSON line for each when it is over, and ends; the exit status is 1 when a step of a call was
not met.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from offhook.simulators.asterisk.script import check, run
from offhook.simulators.asterisk.server import SimulatedAsterisk


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; leaves with a message when it is wrong."""
    parser = argparse.ArgumentParser(prog="offhook simulate asterisk", description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1", help="address of ARI and RTP (default %(default)s)")
    parser.add_argument("--port", type=int, default=8088, help="port of ARI, 0 for any (default %(default)s)")
    parser.add_argument("--username", default="offhook", help="ARI user (default %(default)s)")
    parser.add_argument("--password", default="offhook", help="ARI password (default %(default)s)")
    parser.add_argument("--app", default="openai-ari-app", help="Stasis application (default %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a channel variable")
    parser.add_argument(
        "--sound", action="append", default=[], metavar="NAME=WAV", help="a sound for sound:NAME"
    )
    parser.add_argument("--calls", type=int, default=1, help="how many calls (default %(default)s)")
    parser.add_argument("--rate", type=float, default=10.0, help="new calls a second (default %(default)s)")
    parser.add_argument("extension", nargs="?", help="the extension to call")
    parser.add_argument(
        "step", nargs="*", help="what each caller does; see offhook.simulators.asterisk.script"
    )
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
    async with SimulatedAsterisk(
        options.host,
        options.port,
        username=options.username,
        password=options.password,
        app=options.app,
        sounds=dict(pair.split("=", 1) for pair in options.sound),
    ) as asterisk:
        print(f"ARI at {asterisk.url}, user {options.username}, application {options.app}", file=sys.stderr)
        if options.extension is None:
            await asyncio.Event().wait()
        await asterisk.connected(timeout_seconds=3600)
        variables = dict(pair.split("=", 1) for pair in options.set)

        async def place(number: int) -> bool:
            await asyncio.sleep(number / options.rate)
            call = await asterisk.dial(
                options.extension, variables=variables, caller_number=str(100 + number)
            )
            facts = await run(call, options.step)
            print(json.dumps(facts, ensure_ascii=False), flush=True)
            return facts["failed"] is None

        met = await asyncio.gather(*(place(number) for number in range(options.calls)))
        await asyncio.sleep(0.5)  # the application clears up after the last call
        return 0 if all(met) else 1


def main(words: Sequence[str] | None = None) -> int:
    """The program: `words` are the command line's arguments. Returns the exit status."""
    options = arguments(sys.argv[1:] if words is None else words)
    try:
        return asyncio.run(serve(options))
    except OSError as error:
        print(
            f"offhook simulate asterisk: {options.host} port {options.port}: {error.strerror}",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
