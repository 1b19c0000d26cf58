"""The playout queue: what is said, in which order, and what counts as heard."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.call.events import HeardItem
from offhook.media import PCM24, PCMA, PCMU, Added, AudioFormat, Playout


class Line:
    """A playout queue, and what the caller got to hear of it."""

    def __init__(self, audio_format: AudioFormat = PCMU, limit_seconds: float = 600.0) -> None:
        self.frames: list[bytes] = []
        self.times: list[int] = []
        self.played: list[tuple[str, int]] = []
        self.playout = Playout(audio_format, self._send, self._played, limit_seconds=limit_seconds)

    def _send(self, frame: bytes, at_ms: int) -> bool:
        self.frames.append(frame)
        self.times.append(at_ms)
        return True

    def _played(self, item_id: str, heard_ms: int) -> None:
        self.played.append((item_id, heard_ms))

    def tick(self, times: int = 1) -> int:
        """Let so many frame times pass; how many frames went out."""
        return sum(self.playout.send_next(20 * n) for n in range(times))

    @property
    def heard(self) -> bytes:
        return b"".join(self.frames)


def audio(ms: int, start: int = 0) -> bytes:
    """So much µ-law audio in which every sample tells its place."""
    return bytes((start + n) % 251 for n in range(ms * 8))


def test_audio_in_pieces_of_any_size_goes_out_frame_by_frame_unchanged() -> None:
    line, said = Line(), audio(100)
    for start, end in ((0, 1), (1, 7), (7, 500), (500, 501), (501, 800)):
        line.playout.add("r", "a", said[start:end])
    assert line.tick(10) == 5
    assert line.heard == said
    assert {len(frame) for frame in line.frames} == {160}


def test_the_time_of_each_frame_is_handed_on() -> None:
    line = Line()
    line.playout.add("r", "a", audio(40))
    line.playout.send_next(1235)
    line.playout.send_next(1255)
    assert line.times == [1235, 1255]


def test_what_is_no_underrun() -> None:
    line = Line()
    line.playout.add("r", "a", audio(40))
    line.tick(2)
    line.playout.hold()
    line.playout.add("r", "a", audio(20))
    line.playout.release()
    line.playout.send_next(500)
    line.playout.finish("a")
    line.playout.add("r", "b", audio(20))
    line.playout.send_next(900)
    assert line.playout.underruns == 0, "neither a pause that was wanted nor one between two items"
    line.playout.add("r", "b", audio(20))
    line.playout.send_next(921)
    assert (line.playout.underruns, line.playout.underrun_ms) == (1, 1)


def test_nothing_to_say_sends_nothing() -> None:
    line = Line()
    assert line.tick(3) == 0
    assert line.playout.underruns == 0


def test_the_first_audio_of_an_item_is_told() -> None:
    line = Line()
    assert line.playout.add("r", "a", b"") is Added.QUEUED
    assert line.playout.add("r", "a", audio(20)) is Added.STARTED
    assert line.playout.add("r", "a", audio(20)) is Added.QUEUED
    assert line.playout.add("r", "b", audio(20)) is Added.STARTED


def test_the_last_piece_is_padded_with_silence_once_the_item_is_finished() -> None:
    line = Line()
    line.playout.add("r", "a", audio(25))
    assert line.tick(3) == 1, "5 ms wait: more may come"
    line.playout.finish("a")
    assert line.tick(3) == 1
    assert line.heard == audio(25) + b"\xff" * 120
    assert line.played == [("a", 25)]


@pytest.mark.parametrize(("audio_format", "silence"), [(PCMA, b"\xd5"), (PCM24, b"\x00")])
def test_padding_and_frame_length_are_the_formats(audio_format: AudioFormat, silence: bytes) -> None:
    line = Line(audio_format)
    said = bytes(range(1, 97)) * (audio_format.bytes_per_ms * 30 // 96) + b"\x01" * (
        audio_format.bytes_per_ms * 30 % 96
    )
    line.playout.add("r", "a", said)
    line.playout.finish("a")
    assert line.tick(5) == 2
    assert line.heard == said + silence * (2 * audio_format.frame_bytes - len(said))
    assert line.played == [("a", 30)]
    assert line.playout.played_ms == 30


def test_an_item_is_played_when_its_last_frame_is_out_and_not_before() -> None:
    line = Line()
    line.playout.add("r", "a", audio(60))
    line.playout.finish("a")
    line.tick(2)
    assert line.played == []
    line.tick()
    assert line.played == [("a", 60)]
    assert not line.playout.busy


def test_an_item_finished_after_its_last_frame_is_played_at_that_moment() -> None:
    line = Line()
    line.playout.add("r", "a", audio(40))
    line.tick(2)
    assert line.played == []
    assert line.playout.busy
    line.playout.finish("a")
    assert line.played == [("a", 40)]
    line.playout.finish("a")
    line.playout.finish("never heard of")
    assert line.played == [("a", 40)]


def test_an_underrun_pauses_and_loses_nothing() -> None:
    line, said = Line(), audio(100)
    line.playout.add("r", "a", said[:330])
    assert line.tick(5) == 2, "the 10 bytes left wait for the rest of their frame"
    line.playout.add("r", "a", said[330:])
    assert [line.playout.send_next(at_ms) for at_ms in (100, 120, 140)] == [True] * 3
    assert line.heard == said
    assert (line.playout.underruns, line.playout.underrun_ms) == (1, 60)


def test_several_items_play_in_the_order_in_which_they_came() -> None:
    line = Line()
    line.playout.add("r", "a", audio(30))
    line.playout.add("r", "b", audio(20, start=9))
    line.playout.add("r", "a", audio(10, start=240))
    line.playout.finish_all()
    assert line.tick(10) == 3
    assert line.heard == audio(30) + audio(10, start=240) + audio(20, start=9)
    assert line.played == [("a", 40), ("b", 20)]


def test_a_later_item_ends_one_whose_end_was_never_told() -> None:
    line = Line()
    line.playout.add("r1", "a", audio(25))
    line.playout.add("r2", "b", audio(20, start=9))
    line.playout.finish("b")
    assert line.tick(10) == 3
    assert line.heard == audio(25) + b"\xff" * 120 + audio(20, start=9)
    assert line.played == [("a", 25), ("b", 20)]


def test_so_does_one_that_comes_when_the_first_has_been_sent() -> None:
    line = Line()
    line.playout.add("r1", "a", audio(20))
    line.tick(5)
    line.playout.add("r2", "b", audio(20))
    assert line.tick() == 1, "no frame time is lost"
    assert line.played == [("a", 20)]


def test_finish_all_plays_out_what_is_there_when_the_connection_is_lost() -> None:
    line = Line()
    line.playout.add("r", "a", audio(25))
    line.playout.add("r", "b", audio(5))
    line.playout.finish_all()
    assert line.tick(10) == 3
    assert line.played == [("a", 25), ("b", 5)]


def test_stop_is_silent_at_once_and_tells_what_was_heard() -> None:
    line = Line()
    line.playout.add("r", "a", audio(100))
    line.playout.add("r", "b", audio(50))
    line.tick(3)
    assert line.playout.stop() == (HeardItem("a", 60, 100), HeardItem("b", 0, 50))
    assert line.tick(10) == 0
    assert line.playout.queued_ms == 0
    assert line.played == []


def test_an_item_played_to_its_end_is_not_among_those_stopped() -> None:
    line = Line()
    line.playout.add("r", "a", audio(20))
    line.playout.finish("a")
    line.tick(2)
    assert line.playout.stop() == ()


def test_an_item_sent_but_not_finished_is() -> None:
    line = Line()
    line.playout.add("r", "a", audio(20))
    line.tick(2)
    assert line.playout.stop() == (HeardItem("a", 20, 20),)


def test_padding_does_not_count_as_heard() -> None:
    line = Line()
    line.playout.add("r", "a", audio(21))
    line.playout.finish("a")
    line.tick(2)
    assert line.played == [("a", 21)]
    assert line.playout.played_ms == 21


def test_less_than_a_millisecond_is_not_rounded_up() -> None:
    line = Line()
    line.playout.add("r", "a", audio(20) + b"\x01" * 7)
    line.playout.add("r", "b", audio(20))
    line.tick(2)
    assert line.playout.stop() == (HeardItem("b", 0, 20),)
    assert line.played == [("a", 20)]


def test_a_stale_syllable_never_plays() -> None:
    line = Line()
    line.playout.add("r1", "a", audio(40))
    line.playout.stop()
    assert line.playout.add("r1", "a", audio(20)) is Added.STALE
    assert line.playout.add("r1", "a2", audio(20)) is Added.STALE, "another item of the same response"
    assert line.playout.add("", "a", audio(20)) is Added.STALE
    line.playout.finish("a")
    assert line.tick(5) == 0
    assert line.playout.stale_bytes == 3 * 160
    assert line.played == []


def test_a_response_whose_item_was_heard_out_says_no_more_after_a_stop() -> None:
    line = Line()
    line.playout.add("r1", "preamble", audio(20))
    line.playout.finish("preamble")
    line.tick(2)
    line.playout.stop()
    assert line.playout.add("r1", "answer", audio(20)) is Added.STALE


def test_a_response_can_be_stopped_before_any_of_it_came() -> None:
    line = Line()
    line.playout.stop("r1")
    assert line.playout.add("r1", "a", audio(20)) is Added.STALE


def test_after_a_stop_a_new_answer_plays() -> None:
    line = Line()
    line.playout.add("r1", "a", audio(40))
    line.tick()
    line.playout.stop()
    line.frames.clear()
    assert line.playout.add("r2", "b", audio(20, start=5)) is Added.STARTED
    line.playout.finish("b")
    assert line.tick(5) == 1
    assert line.heard == audio(20, start=5)
    assert line.playout.played_ms == 40


def test_stops_without_an_id_block_nothing() -> None:
    line = Line()
    line.playout.stop()
    line.playout.add("", "a", audio(20))
    line.playout.stop()
    assert line.playout.add("", "b", audio(20)) is Added.STARTED


def test_a_full_queue_says_so_once_and_never_plays_across_the_hole() -> None:
    line = Line(limit_seconds=0.1)
    assert line.playout.add("r", "a", audio(90)) is Added.STARTED
    assert line.playout.add("r", "a", audio(20)) is Added.FULL
    assert line.playout.add("r", "a", audio(5)) is Added.STALE
    assert line.tick(10) == 5
    assert line.heard == audio(90) + b"\xff" * 80
    assert line.played == [("a", 90)]
    assert line.playout.add("r", "a", audio(5)) is Added.STALE
    assert line.playout.add("r", "b", audio(90)) is Added.STARTED, "there is room again"


def test_an_item_that_never_fitted_is_full_too() -> None:
    line = Line(limit_seconds=0.1)
    line.playout.add("r", "a", audio(90))
    assert line.playout.add("r", "b", audio(20)) is Added.FULL
    assert line.playout.stop() == (HeardItem("a", 0, 90),)


def test_a_listener_may_stop_or_go_on_from_within_the_call_back() -> None:
    line = Line()

    def say_more(item_id: str, heard_ms: int) -> None:
        line.played.append((item_id, heard_ms))
        if item_id == "a":
            line.playout.add("r", "b", audio(20, start=7))

    line.playout.on_played = say_more
    line.playout.add("r", "a", audio(20))
    line.playout.finish("a")
    assert line.tick(2) == 2
    assert line.heard == audio(20) + audio(20, start=7)


def test_an_item_in_single_bytes_is_no_trouble() -> None:
    line = Line(PCM24)
    for n in range(1920):
        line.playout.add("r", "a", bytes([n % 256]))
    assert line.tick(3) == 2
    assert line.heard == bytes(n % 256 for n in range(1920))


Step = tuple[str, int, int]
steps_of_a_call = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "add", "tick", "tick", "finish", "stop"]),
        st.integers(0, 3),
        st.integers(0, 900),
    ),
    max_size=80,
)


@settings(deadline=None)
@given(steps_of_a_call)
def test_whatever_happens_the_caller_hears_what_was_said_in_order_and_the_numbers_are_true(
    steps: list[Step],
) -> None:
    line = Line()
    said: dict[str, int] = {}  # item → bytes accepted
    response = 0
    told: dict[str, int] = {}
    for what, which, size in steps:
        item = f"r{response}-{which}"
        match what:
            case "add" if not any(item == played for played, _ in line.played):
                # Every byte tells its item, so that one in the wrong place would show.
                added = line.playout.add(f"r{response}", item, bytes([response % 16 * 4 + which]) * size)
                assert added in (Added.STARTED, Added.QUEUED)
                said[item] = said.get(item, 0) + size
            case "tick":
                line.tick(size % 7)
            case "finish":
                line.playout.finish(item)
            case "stop":
                for heard in line.playout.stop():
                    assert 0 <= heard.heard_ms <= heard.received_ms == said[heard.item_id] // 8
                    told[heard.item_id] = heard.heard_ms
                assert line.tick() == 0
                if item in said:
                    assert line.playout.add(f"r{response}", item, b"stale") is Added.STALE
                response += 1
    line.playout.finish_all()
    line.tick(2000)
    assert not line.playout.busy
    told.update(line.played)
    sizes = {
        item: line.heard.count(bytes([int(item[1:].split("-")[0]) % 16 * 4 + int(item[-1])])) for item in told
    }
    if response < 16:  # beyond that the numbers of items come again
        assert {item: size // 8 for item, size in sizes.items()} == told
    assert all(len(frame) == 160 for frame in line.frames)
    # A frame holds one item's audio and, behind it, silence.
    assert all(len(set(frame.rstrip(b"\xff"))) <= 1 for frame in line.frames)
    assert line.playout.played_ms == len(line.heard.replace(b"\xff", b"")) // 8
