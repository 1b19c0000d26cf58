"""The examples, each installed into a fresh environment: its own tests run there, and calls are placed with it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from fresh_environments import ROOT, FreshEnvironment
from offhook.simulators.realtime import audio_file

Make = Callable[..., FreshEnvironment]

EXAMPLES: Final = ROOT / "examples"
IMMEDIATE = {"APP_RECOGNITION_ACTIVATION_MODE": "IMMEDIATE"}


@contextmanager
def web_service(body: object, status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A web service with one answer; gives its address, and what was asked so far."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Not in the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked_of_the_model(placed: dict[str, Any]) -> str:
    """All that the host has sent to the Realtime server."""
    return json.dumps(placed["asked"], ensure_ascii=False)


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_the_examples_own_tests_pass_where_it_is_installed(example: str, fresh: Make) -> None:
    environment = fresh("offhook", f"{EXAMPLES / example}[test]")
    # Away from the example's folder, so that they see what is installed.
    shutil.copytree(EXAMPLES / example / "tests", environment.place / "tests")
    ended = environment.run("python", "-I", "-m", "pytest", "-q", "tests")
    assert ended.returncode == 0, ended.stdout


def test_the_wake_word_or_a_key_starts_a_call_and_nothing_that_was_said_is_lost(fresh: Make) -> None:
    environment = fresh("offhook", EXAMPLES / "plugin-wake-word")
    mode = {"APP_SESSION_KIND": "recognition", "APP_RECOGNITION_ACTIVATION_MODE": "WAKE_WORD"}
    keys = {**mode, "APP_DTMF_ENABLED": "false"}
    placed = environment.place_calls(
        {"variables": mode, "say": "question.wav"},
        {"variables": keys, "press": "5", "say": True},
        OFFHOOK_WAKE_WORD="opening hours",
        OPENAI_SILENCE_DURATION_MS="1000",  # the question is one utterance
    )
    word, key = placed["calls"]
    assert word["result"]["OFFHOOK_END_CAUSE"] == key["result"]["OFFHOOK_END_CAUSE"] == "recognized"
    # The words come after two seconds of the question; all of it has reached the model.
    assert max(placed["received_bytes"]) > len(audio_file("question.wav")) / 2


def test_the_crm_decides_voice_and_instructions_of_a_call(fresh: Make) -> None:
    environment = fresh("offhook", EXAMPLES / "plugin-crm-settings")
    call = {"variables": IMMEDIATE, "number": "4930100", "say": True, "hang_up": True}
    with web_service({"voice": "cedar", "instructions": "Be brief with Mrs Weber."}) as (address, asked):
        (session,) = environment.place_calls(call, CRM_URL=address)["sessions"]
    assert asked == ["/?number=4930100"]
    assert session["instructions"] == "Be brief with Mrs Weber."
    assert session["audio"]["output"]["voice"] == "cedar"
    with web_service({}, status=500) as (address, _):
        placed = environment.place_calls(call, CRM_URL=address)
    assert placed["calls"][0]["heard_something"], "a CRM that fails has cost the call"
    assert placed["sessions"][0]["audio"]["output"]["voice"] == "marin"
    assert "crm_settings" in placed["log"]


def test_the_menu_takes_the_keypads_place_and_asks_the_bank(fresh: Make) -> None:
    environment = fresh("offhook", EXAMPLES / "plugin-dtmf-menu")
    _, rows = environment.plugins()
    assert rows["dtmf", "offhook-dtmf-menu"]["replaces"] == ["offhook-dtmf"]
    balance = {"variables": IMMEDIATE, "number": "080055", "press": "1"}
    # It says "One moment" word for word; then it is told the balance.
    model = [{"call": "end_call"}, {"say": "Goodbye."}]
    person = {"variables": IMMEDIATE, "press": "0"}
    with web_service({"balance": "12.50 euros"}) as (address, asked):
        placed = environment.place_calls(balance, person, model=model, MENU_BALANCE_URL=address)
    assert asked == ["/?number=080055"]
    assert "balance is 12.50 euros" in asked_of_the_model(placed)
    told, transferred = placed["calls"]
    assert told["result"]["OFFHOOK_END_CAUSE"] == "tool"
    assert transferred["result"]["OFFHOOK_END_CAUSE"] == "transfer"
    assert (transferred["context"], transferred["extension"]) == ("support", "100")
    with web_service({}, status=500) as (address, _):
        placed = environment.place_calls(balance, model=model, MENU_BALANCE_URL=address)
    assert "cannot be looked up at the moment" in asked_of_the_model(placed)


def test_the_model_looks_an_order_up(fresh: Make, tmp_path: Path) -> None:
    environment = fresh("offhook", EXAMPLES / "tools-orders")
    with closing(sqlite3.connect(tmp_path / "orders.db")) as database:
        database.execute("CREATE TABLE orders (number, postcode, status, arrives)")
        database.execute("INSERT INTO orders VALUES ('471900', '10115', 'on its way', 'tomorrow')")
        database.commit()
    call = {"variables": IMMEDIATE, "say": True, "hang_up": True}
    order = {"call": "order_status", "arguments": {"number": "471900", "postcode": "10115"}}
    for path, answer in (("orders.db", "on its way"), ("nothing.db", "apologise to the caller")):
        placed = environment.place_calls(
            call, model=[order, {"say": "There you are."}], ORDERS_DB=str(tmp_path / path)
        )
        assert "order_status" in placed["tools"]
        outputs = [
            str(message["item"]["output"])
            for message in placed["asked"]
            if message.get("item", {}).get("type") == "function_call_output"
        ]
        assert len(outputs) == 1
        assert answer in outputs[0]
