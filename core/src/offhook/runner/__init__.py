"""Carries out what a call decides: the one place where the pure call meets ARI, RTP and the Realtime API.

`call_runner.py` carries actions out; `deciding.py` puts to the call what happens; `errands.py` keeps requests to
Asterisk in order, `audio_path.py` connects the caller's audio, `stream.py` holds the Realtime session,
`tool_context.py` is what a tool may do, `part_work.py` does what a plugin's part has started, `ari_events.py` says what
Asterisk's events mean to a call, `call_settings.py` finds the settings of one call, `leaving.py` hands the result over.
"""
