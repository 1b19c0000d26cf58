"""The first-party plugins hold what `offhook.testing` asks of any plugin."""

from __future__ import annotations

import offhook_activation_fixed_delay
import offhook_activation_immediate
import offhook_activation_vad
import offhook_dtmf
import offhook_tools
from offhook.testing import ActivationModeSuite, KeypadSuite, ToolsSuite


class TestImmediate(ActivationModeSuite):
    plugin = offhook_activation_immediate
    mode = "IMMEDIATE"


class TestFixedDelay(ActivationModeSuite):
    plugin = offhook_activation_fixed_delay
    mode = "FIXED_DELAY"


class TestVadAfterPrompt(ActivationModeSuite):
    plugin = offhook_activation_vad
    mode = "VAD"
    settings = {"vad_recog_activation": "afterPrompt"}


class TestVadMode(ActivationModeSuite):
    plugin = offhook_activation_vad
    mode = "VAD"
    settings = {"vad_recog_activation": "vadMode", "vad_activation_delay_seconds": 1}


class TestKeypad(KeypadSuite):
    plugin = offhook_dtmf


class TestTools(ToolsSuite):
    plugin = offhook_tools
    settings = {
        "transfer_targets": ["default/100"],
        "settable_variables": ["CHOICE"],
    }
    examples = {
        "get_current_time": [{"timezone": "Europe/Berlin"}],
        "end_call": [{}],
        "send_dtmf": [{"digits": "12#"}],
    }
