"""Faults of the live service that its users report, to be switched on in a test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirks:
    """Which faults the server has; by default none."""

    other_formats: int = 0
    """So many `session.update` get `audio/pcm` at 24 kHz, whatever they ask for (PatterAI/Patter#154)."""
    uncounted_ms: int = 0
    """A truncate finds so much less audio than was sent (pipecat-ai/pipecat#2106)."""
    cancel_delay_seconds: float = 0.0
    """A cancel takes effect so much later; audio comes meanwhile, as it does over a slow network."""
    preamble: str = ""
    """A sentence before each answer, as a spoken item of its own (as from `gpt-realtime-2` on)."""
