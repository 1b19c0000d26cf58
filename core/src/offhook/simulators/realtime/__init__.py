"""A simulated OpenAI Realtime server (the GA protocol): `SimulatedRealtime` is the door.

| file | what it holds |
|---|---|
| `server.py` | `SimulatedRealtime`: the port, addresses and keys |
| `session.py` | one connection: the client's messages, the queue of the server's |
| `configuration.py`, `checks.py`, `errors.py` | the session object, what an update may say, the refusals |
| `listening.py`, `input_buffer.py`, `vad.py` | the caller's audio, and where his turns begin and end |
| `transcription.py` | interim and final transcripts |
| `conversation.py` | the items, truncating and deleting them |
| `response.py`, `output_items.py` | an answer and its events |
| `dialogue.py` | what the model says |
| `__main__.py` | the program `offhook simulate realtime` |
| `quirks.py` | faults of the live service, to be switched on |
| `engines.py`, `speech.py`, `resampling.py`, `audio.py` | recognition and voice, off the event loop; audio formats |
"""

from offhook.simulators.realtime.dialogue import (
    CallTool,
    Dialogue,
    FixedDialogue,
    Reply,
    RuleDialogue,
    Say,
    ScriptedDialogue,
    ToolOutput,
    Turn,
)
from offhook.simulators.realtime.quirks import Quirks
from offhook.simulators.realtime.server import SimulatedRealtime
from offhook.simulators.realtime.session import Message, Session
from offhook.simulators.realtime.speech import (
    RECORDED_ANSWER,
    Recognizer,
    RecordedVoice,
    Voice,
    audio_file,
    speech_available,
    transcribe,
)

__all__ = [
    "RECORDED_ANSWER",
    "CallTool",
    "Dialogue",
    "FixedDialogue",
    "Message",
    "Quirks",
    "Recognizer",
    "RecordedVoice",
    "Reply",
    "RuleDialogue",
    "Say",
    "ScriptedDialogue",
    "Session",
    "SimulatedRealtime",
    "ToolOutput",
    "Turn",
    "Voice",
    "audio_file",
    "speech_available",
    "transcribe",
]
