"""Offhook puts the OpenAI Realtime API behind any Asterisk extension.

What is named here is the public API: what plugins and embedding programs use. Everything else may change.
"""

from importlib.metadata import version

from offhook.ari import AriError
from offhook.call.actions import (
    Action,
    Activate,
    Buffer,
    ClearTimer,
    Collected,
    Finish,
    Interrupt,
    Play,
    SendText,
    SetTalkDetect,
    Silence,
    StartTimer,
    StopPlayback,
)
from offhook.call.events import (
    AnswerPlayed,
    AnswerTranscript,
    Digit,
    Event,
    FinalTranscript,
    GreetingFinished,
    InterimTranscript,
    PlaybackFinished,
    SpeechStarted,
    SpeechStopped,
    Started,
    StreamOpened,
    TalkingFinished,
    TalkingStarted,
    TimerExpired,
)
from offhook.call.info import CallInfo
from offhook.call.outcome import EndCause, Outcome
from offhook.call.part import Part
from offhook.call.state import CallView, Phase
from offhook.host import Host, HostError
from offhook.plugins.hookspecs import hookimpl
from offhook.realtime.tools import Tool, ToolContext
from offhook.settings import Settings, load_settings

__version__ = version("offhook-core")
"""The version of the distribution `offhook-core`."""

__all__ = [
    "Action",
    "Activate",
    "AnswerPlayed",
    "AnswerTranscript",
    "AriError",
    "Buffer",
    "CallInfo",
    "CallView",
    "ClearTimer",
    "Collected",
    "Digit",
    "EndCause",
    "Event",
    "FinalTranscript",
    "Finish",
    "GreetingFinished",
    "Host",
    "HostError",
    "InterimTranscript",
    "Interrupt",
    "Outcome",
    "Part",
    "Phase",
    "Play",
    "PlaybackFinished",
    "SendText",
    "SetTalkDetect",
    "Settings",
    "Silence",
    "SpeechStarted",
    "SpeechStopped",
    "StartTimer",
    "Started",
    "StopPlayback",
    "StreamOpened",
    "TalkingFinished",
    "TalkingStarted",
    "TimerExpired",
    "Tool",
    "ToolContext",
    "__version__",
    "hookimpl",
    "load_settings",
]
