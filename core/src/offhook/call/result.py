"""The result, kept ready: a caller who hangs up takes the channel away before anybody could set a variable."""

from __future__ import annotations

from collections.abc import Iterable

from . import actions as do
from . import events as ev
from .outcome import EndCause, Outcome, decide
from .state import CallState


def outcome_of(state: CallState, cause: EndCause, reason: str = "") -> Outcome:
    """The outcome of a call that ends now for `cause`; `reason` is a sentence about what went wrong."""
    return decide(
        state.call_id,
        cause,
        recognition=state.recognition,
        transcripts=state.result(),
        digits=state.digits,
        reason=reason,
    )


def if_hung_up_now(state: CallState) -> Outcome:
    """What the dialplan is to find if the caller hangs up before anything else happens."""
    return outcome_of(state, EndCause.HANGUP)


class Result:
    """Has the result variables set from the start on, and again whenever the caller has said something."""

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        match event:
            case ev.Arrived() | ev.FinalTranscript():
                yield do.SetResult(if_hung_up_now(state))
            case _:
                pass
