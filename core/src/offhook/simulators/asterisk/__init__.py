"""A simulated Asterisk: ARI over real HTTP and WebSocket, real RTP, simulated callers. `SimulatedAsterisk` is
the door.

| file | what it holds |
|---|---|
| `server.py` | `SimulatedAsterisk`: the ports, and placing calls |
| `switch.py` | channels, bridges, playbacks, and each change of them with its events in order |
| `channels.py`, `bridges.py` | where the audio goes |
| `outgoing.py` | calls that the application makes, and the telephones that it can call |
| `rtp.py` | the UDP leg of external media |
| `pacer.py` | the one timer of all calls |
| `playbacks.py`, `sounds.py` | prompts, and what waits for them |
| `talk_detect.py`, `variables.py` | TALK_DETECT and channel variables, without I/O |
| `stasis.py` | applications, subscriptions, the event WebSocket |
| `rest.py`, `channel_routes.py`, `other_routes.py` | ARI's REST side |
| `script.py`, `__main__.py` | scripted calls, and the program |
"""

from offhook.simulators.asterisk.outgoing import SimulatedCallee
from offhook.simulators.asterisk.rest import Exchange
from offhook.simulators.asterisk.server import SimulatedAsterisk
from offhook.simulators.caller import HeardPacket, LeftStasis, SimulatedCaller

__all__ = ["Exchange", "HeardPacket", "LeftStasis", "SimulatedAsterisk", "SimulatedCallee", "SimulatedCaller"]
