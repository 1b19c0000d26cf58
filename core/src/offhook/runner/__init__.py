"""Carries out what a call decides: the one place where the pure call meets ARI, RTP and the Realtime API.

`call_runner.py` takes events in and carries actions out; `errands.py` keeps requests to Asterisk in order,
`audio_path.py` connects the caller's audio, `stream.py` holds the Realtime session, `tool_context.py` is what
a tool may do, `ari_events.py` says what Asterisk's events mean to a call, `call_settings.py` finds the settings
of one call, `leaving.py` hands the result over.
"""
