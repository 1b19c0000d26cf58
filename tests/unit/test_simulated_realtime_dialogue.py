"""What the simulated model says: its rules, and scripts."""

import json
from pathlib import Path
from typing import Any

import pytest

from offhook.simulators.realtime import CallTool, RuleDialogue, Say, ScriptedDialogue, ToolOutput, Turn
from offhook.simulators.realtime.dialogue import GREETING, HOURS, STORY, spoken_number

TOOLS = frozenset({"transfer_call", "end_call", "get_current_time"})


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (None, GREETING),
        ("Hello.", GREETING),
        ("Hello. I would like to know your opening hours on Saturday, please.", HOURS),
        ("Stop, please. I have another question.", "Okay, I stop. What would you like to know?"),
        ("My order number is four, seven, one, nine.", "I heard the number 4, 7, 1, 9. Is that right?"),
        ("It is 4719.", "I heard the number 4, 7, 1, 9. Is that right?"),
        ("Yes, that is right.", "Very good, that is settled. Is there anything else?"),
        ("Tell me a story.", STORY),
        ("I like blue cheese.", "You said: I like blue cheese."),
        ("", "I did not understand you. Could you say that again, please?"),
        ("Please transfer me.", "I am sorry, I cannot transfer you."),
        ("Goodbye.", "Goodbye, and thank you for calling."),
    ],
)
def test_an_answer_fits_what_was_heard(heard: str | None, said: str) -> None:
    assert list(RuleDialogue().reply(Turn(heard=heard))) == [Say(said)]


@pytest.mark.parametrize(
    ("heard", "call"),
    [
        ("What time is it?", CallTool("get_current_time")),
        ("Please hang up.", CallTool("end_call")),
        ("Connect me to two zero one.", CallTool("transfer_call", {"extension": "201"})),
        ("I want to speak to a human.", CallTool("transfer_call", {"extension": "100"})),
    ],
)
def test_a_tool_that_is_offered_is_called(heard: str, call: CallTool) -> None:
    assert list(RuleDialogue().reply(Turn(heard=heard, tools=TOOLS))) == [call]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ('{"time": "12:30"}', "The get current time tool says: time is 12:30."),
        ('{"error": "no such extension"}', "That did not work: no such extension."),
        ("half past twelve", "The get current time tool says: half past twelve."),
        ("[1, 2]", "The get current time tool says: [1, 2]."),
    ],
)
def test_what_a_tool_answered_is_told(output: str, said: str) -> None:
    turn = Turn(heard="What time is it?", outputs=(ToolOutput("get_current_time", output),), tools=TOOLS)
    assert list(RuleDialogue().reply(turn)) == [Say(said)]


def test_the_instructions_of_one_response_can_give_its_words() -> None:
    turn = Turn(asked='Greet the caller with: "Good day, Acme speaking."')
    assert list(RuleDialogue().reply(turn)) == [Say("Good day, Acme speaking.")]


def test_who_is_silent_is_asked() -> None:
    assert list(RuleDialogue().reply(Turn(heard="", idle=True))) == [Say("Are you still there?")]


@pytest.mark.parametrize(
    ("text", "digits"),
    [("four, seven, one, nine", "4719"), ("oh five", "05"), ("it is 12 34", "1234"), ("one", ""), ("", "")],
)
def test_spoken_numbers(text: str, digits: str) -> None:
    assert spoken_number(text) == digits


def script(tmp_path: Path, steps: Any) -> ScriptedDialogue:
    path = tmp_path / "dialogue.json"
    path.write_text(json.dumps(steps))
    return ScriptedDialogue.load(path)


def test_a_script_answers_in_order_and_by_words(tmp_path: Path) -> None:
    dialogue = script(
        tmp_path,
        [
            {"say": "Welcome."},
            {"when": "weather", "say": ["Let me look.", "It rains."]},
            {"say": "One moment.", "call": "look_up", "arguments": {"id": 7}},
            {"say": "Done."},
        ],
    )
    heard = ["Hello.", "How is the weather?", "Look it up.", "Thanks.", "Bye."]
    assert [list(dialogue.reply(Turn(heard=words))) for words in heard] == [
        [Say("Welcome.")],
        [Say("Let me look."), Say("It rains.")],
        [Say("One moment."), CallTool("look_up", {"id": 7})],
        [Say("Done.")],
        [Say("Done.")],
    ]


def test_a_tools_output_goes_on_with_the_order(tmp_path: Path) -> None:
    dialogue = script(tmp_path, [{"when": "weather", "call": "weather"}, {"say": "It rains."}])
    heard = "How is the weather?"
    assert list(dialogue.reply(Turn(heard=heard))) == [CallTool("weather")]
    assert list(dialogue.reply(Turn(heard=heard, outputs=(ToolOutput("weather", "rain"),)))) == [
        Say("It rains.")
    ]


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ({"say": "x"}, "an array of objects is wanted"),
        ([{"says": "x"}], "step 1: says: only say, call, arguments, when"),
        ([{"say": "x"}, {"when": "x"}], "step 2: it must say or call something"),
        ([{"say": 5}], "step 1: say and call take texts"),
        ([{"say": "x", "when": "("}], r"when: '\(' is no regular expression"),
    ],
)
def test_a_wrong_script_says_what_is_wrong(tmp_path: Path, steps: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        script(tmp_path, steps)
