"""ARI's `/bridges`, `/playbacks`, `/applications` and `/asterisk` resources."""

from functools import partial

from offhook.simulators.asterisk.bridges import Bridge
from offhook.simulators.asterisk.channel_routes import new_playback, start_playback
from offhook.simulators.asterisk.channels import Channel
from offhook.simulators.asterisk.rest import NOTHING, Answer, AriError, Request, Routes
from offhook.simulators.asterisk.stasis import Application
from offhook.simulators.asterisk.switch import Switch

routes = Routes()
VERSION = "22.10.1"
"""The Asterisk version whose behaviour is simulated."""


@routes.route("GET", "/bridges")
async def list_bridges(request: Request) -> Answer:
    """All bridges."""
    return 200, [bridge.as_json() for bridge in request.switch.bridges.values()]


@routes.route("POST", "/bridges")
@routes.route("POST", "/bridges/{}")
async def make_bridge(request: Request) -> Answer:
    """Make a bridge."""
    bridge_id = request.path[0] if request.path else request.get("bridgeId")
    if bridge_id in request.switch.bridges:
        raise AriError(409, f"Bridge with id '{bridge_id}' already exists")
    kind = "holding" if "holding" in request.get("type") else "mixing"
    return 200, request.switch.add_bridge(bridge_id, kind, request.get("name")).as_json()


@routes.route("GET", "/bridges/{}")
async def get_bridge(request: Request) -> Answer:
    """One bridge."""
    return 200, _bridge(request).as_json()


@routes.route("DELETE", "/bridges/{}")
async def remove_bridge(request: Request) -> Answer:
    """End a bridge; its channels stay."""
    request.switch.remove_bridge(_bridge(request))
    return NOTHING


@routes.route("POST", "/bridges/{}/addChannel")
async def add_channel(request: Request) -> Answer:
    """Put channels into a bridge, each in its turn."""
    bridge = _bridge(request)
    for channel in _channels(request):
        if channel.app is None:
            raise AriError(422, "Channel not in Stasis application")
        await channel.playbacks.in_turn(partial(_join, request.switch, channel, bridge))
    return NOTHING


@routes.route("POST", "/bridges/{}/removeChannel")
async def remove_channel(request: Request) -> Answer:
    """Take channels out of a bridge, each in its turn."""
    bridge = _bridge(request)
    for channel in _channels(request):
        if channel.bridge is not bridge:
            raise AriError(422, "Channel not in this bridge")
        await channel.playbacks.in_turn(partial(_leave, request.switch, channel, bridge))
    return NOTHING


@routes.route("POST", "/bridges/{}/play")
@routes.route("POST", "/bridges/{}/play/{}")
async def play(request: Request) -> Answer:
    """Play media to everyone in a bridge."""
    bridge = _bridge(request)
    return start_playback(request, new_playback(request, f"bridge:{bridge.id}", "en"), bridge.playbacks)


@routes.route("GET", "/playbacks/{}")
async def get_playback(request: Request) -> Answer:
    """One playback, while it waits or runs."""
    if request.path[0] not in request.switch.playbacks:
        raise AriError(404, "Playback not found")
    return 200, request.switch.playbacks[request.path[0]][0].as_json()


@routes.route("DELETE", "/playbacks/{}")
async def stop_playback(request: Request) -> Answer:
    """Stop a playback; it reports `done`."""
    if request.path[0] not in request.switch.playbacks:
        raise AriError(404, "Playback not found")
    playback, queue = request.switch.playbacks[request.path[0]]
    queue.stop(playback)
    return NOTHING


@routes.route("GET", "/applications")
async def list_applications(request: Request) -> Answer:
    """All applications that have been connected."""
    return 200, [application.as_json() for application in request.switch.stasis.applications.values()]


@routes.route("GET", "/applications/{}")
async def get_application(request: Request) -> Answer:
    """One application."""
    return 200, _application(request).as_json()


@routes.route("POST", "/applications/{}/subscription")
async def subscribe(request: Request) -> Answer:
    """Subscribe an application to channels and bridges."""
    application = _application(request)
    for source in request.get("eventSource").split(","):
        kind, _, name = source.partition(":")
        if kind == "channel" and name in request.switch.channels:
            application.channels[name] += 1
        elif kind == "bridge" and name in request.switch.bridges:
            application.bridges[name] += 1
        elif kind in ("channel", "bridge"):
            raise AriError(422, "Event source does not exist")
        else:
            raise AriError(400, "Invalid event source URI scheme")
    return 200, application.as_json()


@routes.route("DELETE", "/applications/{}/subscription")
async def unsubscribe(request: Request) -> Answer:
    """End a subscription."""
    application = _application(request)
    for source in request.get("eventSource").split(","):
        kind, _, name = source.partition(":")
        subscriptions = application.channels if kind == "channel" else application.bridges
        if subscriptions[name] < 1:
            raise AriError(409, "Application not subscribed to event source")
        subscriptions[name] -= 1
    return 200, application.as_json()


@routes.route("GET", "/asterisk/ping")
async def ping(request: Request) -> Answer:
    """A sign of life."""
    switch = request.switch
    return 200, {"ping": "pong", "timestamp": switch.timestamp(), "asterisk_id": switch.entity_id}


@routes.route("GET", "/asterisk/info")
async def info(request: Request) -> Answer:
    """What this Asterisk is."""
    switch = request.switch
    return 200, {
        "build": {
            "os": "Linux",
            "kernel": "unknown",
            "machine": "unknown",
            "options": "simulated",
            "date": switch.started,
            "user": "nobody",
        },
        "system": {"version": VERSION, "entity_id": switch.entity_id},
        "config": {"name": "simulated", "default_language": "en", "setid": {"user": "", "group": ""}},
        "status": {"startup_time": switch.started, "last_reload_time": switch.started},
    }


def _join(switch: Switch, channel: Channel, bridge: Bridge) -> None:
    if channel.gone:
        raise AriError(400, "Channel not found")
    if channel.app is None:
        raise AriError(422, "Channel not in Stasis application")
    if bridge.id not in switch.bridges:
        raise AriError(404, "Bridge not found")
    switch.join_bridge(channel, bridge)


def _leave(switch: Switch, channel: Channel, bridge: Bridge) -> None:
    if channel.bridge is bridge:
        switch.leave_bridge(channel)


def _bridge(request: Request) -> Bridge:
    bridge = request.switch.bridges.get(request.path[0])
    if bridge is None:
        raise AriError(404, "Bridge not found")
    return bridge


def _channels(request: Request) -> list[Channel]:
    """The channels that the parameter names; an unknown one is 400 here, not 404."""
    names = [name for name in request.get("channel").split(",") if name]
    if not names or any(name not in request.switch.channels for name in names):
        raise AriError(400, "Channel not found")
    return [request.switch.channels[name] for name in names]


def _application(request: Request) -> Application:
    application = request.switch.stasis.applications.get(request.path[0])
    if application is None:
        raise AriError(404, "Application not found")
    return application
