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
    Run,
    Say,
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
    PluginEvent,
    Ran,
    SpeechStarted,
    SpeechStopped,
    Started,
    StreamOpened,
    TalkingFinished,
    TalkingStarted,
    TimerExpired,
)
from offhook.call.info import CallInfo
from offhook.call.outcome import EndCause, Outcome, Status
from offhook.call.part import Part
from offhook.call.record import CallRecord
from offhook.call.state import CallEnded, CallView, Phase
from offhook.calls import (
    CallFinished,
    CallHappened,
    Calls,
    CallStarted,
    CallStream,
    EventsLost,
    HostEvent,
    LiveCall,
)
from offhook.host import Host, HostError
from offhook.originating import NotAnswered
from offhook.plugins.hookspecs import hookimpl
from offhook.plugins.implementations import BadPlugin
from offhook.plugins.loader import PluginConflict
from offhook.plugins.tap import AudioListener, Emit
from offhook.realtime.tools import Tool, ToolContext
from offhook.secrets import Secrets
from offhook.settings import LayeredSettings, Settings, SettingsError, load_settings

__version__ = version("offhook-core")
"""The version of the distribution `offhook-core`."""

__all__ = [
    "Action",
    "Activate",
    "AnswerPlayed",
    "AnswerTranscript",
    "AriError",
    "AudioListener",
    "BadPlugin",
    "Buffer",
    "CallEnded",
    "CallFinished",
    "CallHappened",
    "CallInfo",
    "CallRecord",
    "CallStarted",
    "CallStream",
    "CallView",
    "Calls",
    "ClearTimer",
    "Collected",
    "Digit",
    "Emit",
    "EndCause",
    "Event",
    "EventsLost",
    "FinalTranscript",
    "Finish",
    "GreetingFinished",
    "Host",
    "HostError",
    "HostEvent",
    "InterimTranscript",
    "Interrupt",
    "LayeredSettings",
    "LiveCall",
    "NotAnswered",
    "Outcome",
    "Part",
    "Phase",
    "Play",
    "PlaybackFinished",
    "PluginConflict",
    "PluginEvent",
    "Ran",
    "Run",
    "Say",
    "Secrets",
    "SendText",
    "SetTalkDetect",
    "Settings",
    "SettingsError",
    "Silence",
    "SpeechStarted",
    "SpeechStopped",
    "StartTimer",
    "Started",
    "Status",
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
