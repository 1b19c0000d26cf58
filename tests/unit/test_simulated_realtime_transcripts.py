"""Interim words, and texts cut into sentences."""

import pytest

from offhook.simulators.realtime.speech import RECORDED_ANSWER, RecordedVoice, sentences
from offhook.simulators.realtime.transcription import StableWords


def test_words_are_shown_once_two_looks_agree_on_them() -> None:
    words = StableWords()
    assert words.add("I would") == ""
    assert words.add("I would like two") == "I would"
    assert words.add("I would like to know") == " like"
    assert words.finish("I would like to know the time.") == (
        " to know the time.",
        "I would like to know the time.",
    )
    assert words.shown == "I would like"


def test_all_deltas_joined_are_the_transcript_even_if_the_punctuation_changed() -> None:
    words = StableWords()
    deltas = [words.add("Hello I would"), words.add("Hello I would like it")]
    delta, transcript = words.finish("Hello. I would like it.")
    assert "".join([*deltas, delta]) == transcript == "Hello I would like it."


def test_what_was_understood_wrongly_is_put_right_by_the_transcript() -> None:
    words = StableWords()
    words.add("I scream for you")
    assert words.add("I scream for you all") == "I scream for you"
    assert words.add("Ice cream for you all now") == ""
    assert words.finish("Ice cream for you all.") == ("", "Ice cream for you all.")


def test_words_are_not_shown_again_after_a_look_that_went_wrong() -> None:
    words = StableWords()
    words.add("one two three")
    deltas = [
        words.add(text)
        for text in ("one two three four", "won", "one two three four", "one two three four five")
    ]
    assert deltas == ["one two three", "", "", " four"]


def test_without_interim_words_the_whole_is_one_delta() -> None:
    assert StableWords().finish("Yes.") == ("Yes.", "Yes.")
    assert StableWords().finish("") == ("", "")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One moment. Here it is: nine.", ["One moment.", " Here it is:", " nine."]),
        ("It costs 3.50 euros! Right?", ["It costs 3.50 euros!", " Right?"]),
        ("no end", ["no end"]),
        ("", []),
    ],
)
def test_a_text_is_cut_after_its_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts
    assert "".join(sentences(text)) == text


def test_without_engines_the_recorded_answer_is_played_and_the_rest_is_hummed() -> None:
    voice = RecordedVoice()
    ((text, audio),) = voice.speak(RECORDED_ANSWER, 8000, 1.0)
    assert text == RECORDED_ANSWER
    assert len(audio) / 16_000 == pytest.approx(7.1, abs=0.1)
    ((_, hum),) = voice.speak("Hello there.", 8000, 1.0)
    ((_, faster),) = voice.speak("Hello there.", 8000, 1.5)
    assert 0 < len(faster) < len(hum) < len(audio)
