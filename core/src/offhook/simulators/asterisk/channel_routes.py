"""ARI's `/channels` resource."""

from itertools import zip_longest

from offhook.simulators.asterisk.channels import CallerChannel, Channel, ExternalMediaChannel, SnoopChannel
from offhook.simulators.asterisk.outgoing import CalleeChannel
from offhook.simulators.asterisk.playbacks import Playback, PlaybackQueue
from offhook.simulators.asterisk.rest import NOTHING, Answer, AriError, Request, Routes
from offhook.simulators.asterisk.rtp import PAYLOAD_TYPES
from offhook.simulators.asterisk.talk_detect import TalkDetect
from offhook.simulators.asterisk.variables import UnknownFunctionError, arguments, read

routes = Routes()
SNOOP_DIRECTIONS = ("none", "in", "out", "both")
FORMATS = ("ulaw", "alaw", "g722", "gsm", "opus", "slin", "slin12", "slin16", "slin24", "slin48")
"""What `formats` may name when a call is made; the audio is µ-law all the same."""
DEFAULT_RINGING_SECONDS = 30.0
_INTERNAL_ERROR = "An internal error prevented this request from being handled"


@routes.route("GET", "/channels")
async def list_channels(request: Request) -> Answer:
    """All channels."""
    return 200, [channel.as_json() for channel in request.switch.channels.values()]


@routes.route("POST", "/channels/externalMedia")
async def external_media(request: Request) -> Answer:
    """Make an external media channel. It can be bridged once its StasisStart has come."""
    app, host, codec = request.get("app"), request.get("external_host"), request.get("format")
    if not app:
        raise AriError(400, "app must be specified")
    if request.get("transport", "udp") != "udp" or request.get("encapsulation", "rtp") != "rtp":
        raise AriError(501, "The simulated Asterisk has external media over RTP and UDP only")
    address, _, port = host.rpartition(":")
    if not address or not port.isdecimal():
        raise AriError(400, "external_host must be <host>:<port> for all transports other than websocket")
    channel_id = request.get("channelId") or request.switch.channel_id()
    if codec not in PAYLOAD_TYPES or channel_id in request.switch.channels:
        raise AriError(500, _INTERNAL_ERROR)
    channel = ExternalMediaChannel(request.switch, channel_id, (address, int(port)), codec)
    channel.variables |= request.variables
    request.switch.add_own_channel(channel, app, _arguments(request.get("data")))
    leg = {name: value for name, value in channel.variables.items() if name.startswith("UNICASTRTP_")}
    return 200, channel.as_json() | {"channelvars": leg}


@routes.route("POST", "/channels")
@routes.route("POST", "/channels/{}")
async def originate(request: Request) -> Answer:
    """Call a telephone; once it answers, its channel enters the application."""
    endpoint, app = request.get("endpoint"), request.get("app")
    channel_id = request.path[0] if request.path else request.get("channelId") or request.switch.channel_id()
    if not endpoint:
        raise AriError(400, "Endpoint must be specified")
    technology, slash, _ = endpoint.partition("/")
    if not slash:
        raise AriError(400, "Invalid endpoint specified")
    if not app:
        raise AriError(400, "Application or extension must be specified")
    for name in filter(None, request.get("formats").split(",")):
        if name not in FORMATS:
            raise AriError(400, f"Provided format ({name}) was not found")
    if channel_id in request.switch.channels:
        raise AriError(409, "Channel with given unique ID already exists")
    callee = request.switch.callees.get(endpoint)
    if callee is None and technology != "Local":
        return 500, {"error": "Allocation failed"}
    arguments = _arguments(request.get("appArgs"))
    dtx = callee is not None and callee.dtx
    channel = CalleeChannel(request.switch, channel_id, endpoint, dtx, app, arguments)
    channel.variables |= request.variables
    channel.shows(request.get("callerId"))
    request.switch.originate(channel, endpoint, app, _ringing_seconds(request.get("timeout")))
    return 200, channel.as_json()


@routes.route("GET", "/channels/{}")
async def get_channel(request: Request) -> Answer:
    """One channel."""
    return 200, request.channel().as_json()


@routes.route("DELETE", "/channels/{}")
async def hang_up(request: Request) -> Answer:
    """Hang up at once, whatever the channel is doing."""
    channel, reason = request.channel(), request.get("reason") or request.get("reason_code")
    if isinstance(channel, CalleeChannel) and channel.state != "Up":
        channel.cancel(reason)
    else:
        request.switch.hang_up(channel, reason)
    return NOTHING


@routes.route("POST", "/channels/{}/answer")
async def answer(request: Request) -> Answer:
    """Pick up."""
    channel = request.stasis_channel()

    def pick_up() -> None:
        _still_there(channel)
        request.switch.answer(channel)

    await channel.playbacks.in_turn(pick_up)
    return NOTHING


@routes.route("POST", "/channels/{}/ring")
@routes.route("DELETE", "/channels/{}/ring")
async def ring(request: Request) -> Answer:
    """Ringing is indicated to the caller, who does not show it here."""
    request.stasis_channel()
    return NOTHING


@routes.route("POST", "/channels/{}/continue")
async def continue_in_dialplan(request: Request) -> Answer:
    """Back to the dialplan: answered at once, done when the channel's prompts are over."""
    channel = request.stasis_channel()
    priority = request.get("priority") or "0"
    if not priority.isdecimal():
        raise AriError(400, "priority is not a number")
    if isinstance(channel, CallerChannel):
        caller = channel
        place = (request.get("context"), request.get("extension"), int(priority), request.get("label"))
        channel.playbacks.when_free(lambda: request.switch.continue_in_dialplan(caller, *place))
    else:
        request.switch.hang_up(channel)
    return NOTHING


@routes.route("GET", "/channels/{}/variable")
async def get_variable(request: Request) -> Answer:
    """A variable or a function's value; 404 when unset."""
    channel, name = request.channel(), request.get("variable")
    if not name:
        raise AriError(400, "Variable name is required")
    try:
        value = read(name, channel.lookup)
    except UnknownFunctionError:
        raise AriError(500, "Unable to read provided function") from None
    if value is None:
        raise AriError(404, "Provided variable was not found")
    return 200, {"value": value}


@routes.route("POST", "/channels/{}/variable")
async def set_variable(request: Request) -> Answer:
    """Set a variable or write a function, in the channel's turn."""
    channel, name, value = request.stasis_channel(), request.get("variable"), request.get("value")
    if not name:
        raise AriError(400, "Variable name is required")

    def write() -> None:
        _still_there(channel)
        if not name.endswith(")"):
            request.switch.varset(channel, name, value)
        elif name.startswith("ARRAY("):
            names, values = arguments(name[len("ARRAY(") : -1]), arguments(value)
            for one, its_value in zip_longest(names, values[: len(names)], fillvalue=""):
                request.switch.varset(channel, one, its_value)
        elif name.startswith("TALK_DETECT(") and isinstance(channel, CallerChannel):
            try:
                channel.talk_detect = TalkDetect.parse(value) if name == "TALK_DETECT(set)" else None
            except ValueError:
                raise AriError(400, "Failed to execute function") from None

    await channel.playbacks.in_turn(write)
    return NOTHING


@routes.route("POST", "/channels/{}/snoop")
@routes.route("POST", "/channels/{}/snoop/{}")
async def snoop(request: Request) -> Answer:
    """Start to spy on a caller (and to whisper to it)."""
    target = request.channel()
    spy, whisper = request.get("spy", "none"), request.get("whisper", "none")
    if spy not in SNOOP_DIRECTIONS:
        raise AriError(400, "Invalid direction specified for spy")
    if whisper not in SNOOP_DIRECTIONS:
        raise AriError(400, "Invalid direction specified for whisper")
    if spy == whisper == "none":
        raise AriError(400, "Direction must be specified for at least spy or whisper")
    if not request.get("app"):
        raise AriError(400, "Application name is required")
    channel_id = request.path[1] if len(request.path) > 1 else request.get("snoopId")
    channel_id = channel_id or request.switch.channel_id()
    if channel_id in request.switch.channels or not isinstance(target, CallerChannel):
        raise AriError(500, _INTERNAL_ERROR)
    name = f"Snoop/{target.id}-{request.switch.unique():08x}"
    channel = SnoopChannel(request.switch, channel_id, name, target, spy, whisper)
    request.switch.add_own_channel(channel, request.get("app"), _arguments(request.get("appArgs")))
    return 200, channel.as_json()


@routes.route("POST", "/channels/{}/dtmf")
async def send_dtmf(request: Request) -> Answer:
    """Send digits to the caller."""
    channel = request.stasis_channel()
    if isinstance(channel, CallerChannel):
        for digit in request.get("dtmf"):
            channel.phone.hear_digit(digit)
    return NOTHING


@routes.route("POST", "/channels/{}/play")
@routes.route("POST", "/channels/{}/play/{}")
async def play(request: Request) -> Answer:
    """Play media to the caller, after what is playing already."""
    channel = request.stasis_channel()
    playback = new_playback(request, f"channel:{channel.id}", channel.language)
    return start_playback(request, playback, channel.playbacks)


def new_playback(request: Request, target_uri: str, language: str) -> Playback:
    """The playback that a request asks for."""
    media = [uri for uri in request.get("media").split(",") if uri]
    if not media:
        raise AriError(400, "media is required")
    playback_id = request.path[1] if len(request.path) > 1 else request.get("playbackId")
    playback_id = playback_id or request.switch.playback_id()
    return Playback(playback_id, media, target_uri, request.get("lang") or language)


def start_playback(request: Request, playback: Playback, queue: PlaybackQueue) -> Answer:
    """Queue a playback and make it known by its id."""
    request.switch.playbacks[playback.id] = (playback, queue)
    queue.play(playback)
    return 201, playback.as_json()


def _ringing_seconds(timeout: str) -> float:
    """How long it may ring, -1 for ever; like Asterisk, 30 seconds for anything else that is no time."""
    try:
        seconds = int(timeout)
    except ValueError:
        return DEFAULT_RINGING_SECONDS
    return seconds if seconds > 0 or seconds == -1 else DEFAULT_RINGING_SECONDS


def _arguments(text: str) -> list[str]:
    return text.split(",") if text else []


def _still_there(channel: Channel) -> None:
    """After a wait the channel may have hung up or gone on."""
    if channel.gone:
        raise AriError(404, "Channel not found")
    if channel.app is None:
        raise AriError(409, "Channel not in Stasis application")
