"""What plugin authors test with: a call on a fake clock, a host between simulators, ready-made suites.

With pytest, the fixtures `offhook_call` and `offhook_host` give the first two: the distribution brings a plugin for it.
"""

from .activation_suite import ActivationModeSuite
from .keypad_suite import KeypadSuite
from .scenario import CallScenario, call_with
from .simulated_host import SimulatedCalls, simulated_host
from .sounds import SPEECH, Ears, Mouth, sweep, utterance
from .tools_suite import ToolRecorder, ToolsSuite

__all__ = [
    "SPEECH",
    "ActivationModeSuite",
    "CallScenario",
    "Ears",
    "KeypadSuite",
    "Mouth",
    "SimulatedCalls",
    "ToolRecorder",
    "ToolsSuite",
    "call_with",
    "simulated_host",
    "sweep",
    "utterance",
]
