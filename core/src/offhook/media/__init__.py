"""The road of the audio: RTP in, through the window and the gate; the model's audio through playout and
pacer, RTP out.
"""

from __future__ import annotations

from .call_audio import CallAudio
from .formats import FORMATS, FRAME_MS, PCM24, PCMA, PCMU, AudioFormat, UnknownFormatError, format_named
from .gate import Gate, GateMode
from .jitter import JitterCounts, JitterWindow
from .pacer import Pacer
from .packet import RtpPacket, build_rtp, is_rtcp, parse_rtp
from .playout import Added, Playout
from .ports import NoPortLeftError, RtpPorts
from .rtp import RtpCounts, RtpLeg
from .transport import Transport

__all__ = [
    "FORMATS",
    "FRAME_MS",
    "PCM24",
    "PCMA",
    "PCMU",
    "Added",
    "AudioFormat",
    "CallAudio",
    "Gate",
    "GateMode",
    "JitterCounts",
    "JitterWindow",
    "NoPortLeftError",
    "Pacer",
    "Playout",
    "RtpCounts",
    "RtpLeg",
    "RtpPacket",
    "RtpPorts",
    "Transport",
    "UnknownFormatError",
    "build_rtp",
    "format_named",
    "is_rtcp",
    "parse_rtp",
]
