"""Run the simulated Realtime server as a program, for plugin development and load tests.

python -m offhook.simulators.realtime --port 8787 --script dialogue.json

It serves until it is interrupted, and prints what it hears and says. Point Offhook at it with
OPENAI_BASE_URL=ws://127.0.0.1:8787/v1; any key will do.
"""

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import Sequence

from offhook.simulators.command_line import amount, cannot_serve, port
from offhook.simulators.realtime.dialogue import ScriptedDialogue
from offhook.simulators.realtime.quirks import Quirks
from offhook.simulators.realtime.server import SimulatedRealtime

SCRIPT = """\
The FILE of --script holds an array of steps, which are said in this order; the last one stays. For example:

  [
    {"say": "Good morning. What is your number?"},
    {"say": ["One moment, please.", "Thank you."]},
    {"when": "goodbye|bye", "say": "Goodbye.", "call": "end_call", "arguments": {}}
  ]

  say        a text, or a list of texts: each is spoken by itself
  call       the name of a tool to call, after what is said, with its arguments
  when       a regular expression: the step is no part of the order, and answers whenever the expression is
             found in what the caller said
"""


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line and read the script; leaves with a message when either is wrong."""
    parser = argparse.ArgumentParser(
        prog="offhook simulate realtime",
        description=__doc__.splitlines()[0],
        epilog=SCRIPT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to serve (default %(default)s)")
    parser.add_argument("--port", type=port, default=8787, help="port, 0 for any (default %(default)s)")
    parser.add_argument("--api-key", default="", metavar="KEY", help="take this key only (default: any)")
    parser.add_argument("--script", metavar="FILE", help="a JSON file with what to say, see below")
    parser.add_argument(
        "--no-speech", action="store_true", help="do not listen: answer everything with a recording"
    )
    parser.add_argument("--delay", type=amount, default=0.0, metavar="SECONDS", help="how long it thinks")
    parser.add_argument(
        "--pace",
        type=amount,
        default=0.0,
        metavar="TIMES",
        help="send audio so many times faster than it plays (default: as fast as it is made)",
    )
    parser.add_argument("--preamble", default="", metavar="TEXT", help="a sentence before each answer")
    parser.add_argument("--quiet", action="store_true", help="print nothing of what is heard and said")
    parsed = parser.parse_args(words)
    try:
        parsed.dialogue = ScriptedDialogue.load(parsed.script) if parsed.script else None
    except ValueError as error:
        parser.error(f"argument --script: {error}")
    return parsed


async def serve(options: argparse.Namespace) -> int:
    """Serve until interrupted. Returns the exit status."""
    server = SimulatedRealtime(
        options.host,
        options.port,
        speech=False if options.no_speech else "auto",
        dialogue=options.dialogue,
        api_key=options.api_key,
        received_limit_bytes=0,
        log_messages=0,
        audio_pace=options.pace,
        answer_delay_seconds=options.delay,
        quirks=Quirks(preamble=options.preamble),
    )
    try:
        await server.start()
    except OSError as error:
        words = cannot_serve(options.host, options.port, error)
        print(f"offhook simulate realtime: {words}", file=sys.stderr)
        return 1
    try:
        print(f"OPENAI_BASE_URL={server.url}", flush=True)
        await asyncio.Event().wait()
    finally:
        await server.stop()
    return 0


def main(words: Sequence[str] | None = None) -> int:
    """The program: `words` are the command line's arguments. Returns the exit status."""
    options = arguments(sys.argv[1:] if words is None else words)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("offhook.simulators.realtime").setLevel(
        logging.WARNING if options.quiet else logging.INFO
    )
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(serve(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
