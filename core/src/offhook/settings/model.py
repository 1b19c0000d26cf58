"""The settings of a host: one immutable tree, the same as that of a JSON configuration file.

`Settings()` holds the built-in defaults. How files, the environment and channel variables lie over them is in
`layers.py`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, SecretStr

from .addresses import HOST, HTTP_ADDRESS, HostName, HttpUrl, OptionalHttpUrl
from .app_config import (
    AppConfig,
    BargeInConfig,
    CallConfig,
    DtmfConfig,
    MediaConfig,
    RecognitionConfig,
    ToolsConfig,
)
from .legacy import log_level
from .openai_realtime import OpenAIRealtimeAPI
from .section import Section, setting


class AsteriskConfig(Section):
    """The Asterisk REST Interface (ARI)."""

    ENV_PREFIX: ClassVar[str] = "ASTERISK_"

    ari_url: HttpUrl = setting(
        "http://localhost:8088", "Address of Asterisk's HTTP server.", allowed=HTTP_ADDRESS
    )
    ari_username: str = setting("", "User of ari.conf.")
    ari_password: SecretStr = setting(SecretStr(""), "Password of that user.")
    ari_app_name: str = setting(
        "openai-ari-app",
        "Name of the Stasis application, as in the dialplan.",
        pattern=r"^[^\s,/?&]+$",
        allowed="a name without blanks, commas and slashes",
    )
    ari_timeout_seconds: float = setting(10.0, "Seconds that Asterisk has to answer a request.", gt=0, le=300)
    settings_timeout_ms: int = setting(
        1000,
        "Milliseconds that the settings of a call may take to be read; after that the lower layers stand.",
        env="SETTINGS_TIMEOUT_MS",
        ge=1,
        le=60_000,
    )


class ServerConfig(Section):
    """The HTTP server of the console."""

    port: int = setting(8081, "TCP port of the console; 0 takes a free one.", env="PORT", ge=0, le=65_535)
    host_ip: HostName = setting(
        "127.0.0.1",
        "Address on which the console listens; any other than loopback needs a token.",
        env="WEBSOCKET_SERVER_HOST_IP",
        allowed=HOST,
    )
    public_url: OptionalHttpUrl = setting(
        "", "Address under which others reach the console.", allowed=HTTP_ADDRESS
    )
    token: SecretStr = setting(SecretStr(""), "Token that opens the console.", env="OFFHOOK_TOKEN")


class LoggingConfig(Section):
    """The log, and the journals of calls."""

    level: Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(log_level)] = (
        setting("info", "Least severity that is logged.", env="LOG_LEVEL")
    )
    journal_dir: str = setting(
        "",
        "Directory for the calls' journals, each a file that `offhook replay FILE` reads; none writes no journals.",
        env="JOURNAL_DIR",
        none_is_empty=True,
        allowed="none, or a directory that the host can write to",
    )


class PluginsConfig(Section):
    """Which plugins take part."""

    ENV_PREFIX: ClassVar[str] = "OFFHOOK_"

    disabled: tuple[str, ...] = setting((), "Plugins to leave out.", env="OFFHOOK_PLUGINS_DISABLED")
    choices: dict[str, str] = setting(
        {},
        "Which distribution provides a plugin that several offer: plugin and distribution.",
        env="OFFHOOK_PLUGIN_CHOICES",
    )
    strict_plugins: bool = setting(False, "Whether a plugin that cannot be loaded stops the start.")


class Settings(Section):
    """All settings. The properties are short ways to the sections of `appConfig`."""

    app_config: AppConfig = AppConfig()
    openai: OpenAIRealtimeAPI = setting(
        OpenAIRealtimeAPI(), "The Realtime API.", json_name="openAIRealtimeAPI"
    )
    asterisk: AsteriskConfig = AsteriskConfig()
    server: ServerConfig = ServerConfig()
    logging: LoggingConfig = LoggingConfig()
    plugins: PluginsConfig = PluginsConfig()

    @property
    def recognition(self) -> RecognitionConfig:
        """Short for `app_config.recognition`."""
        return self.app_config.recognition

    @property
    def dtmf(self) -> DtmfConfig:
        """Short for `app_config.dtmf`."""
        return self.app_config.dtmf

    @property
    def barge_in(self) -> BargeInConfig:
        """Short for `app_config.barge_in`."""
        return self.app_config.barge_in

    @property
    def call(self) -> CallConfig:
        """Short for `app_config.call`."""
        return self.app_config.call

    @property
    def media(self) -> MediaConfig:
        """Short for `app_config.media`."""
        return self.app_config.media

    @property
    def tools(self) -> ToolsConfig:
        """Short for `app_config.tools`."""
        return self.app_config.tools
