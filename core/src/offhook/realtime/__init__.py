"""The Realtime API's client side: one session for each call, from address to answer.

`endpoint.py` says where to connect, `configuration.py` what to ask of the session and whether it was given,
`messages.py` what a client says, `translator.py` what a server's messages mean to the call, `responses.py`
when a response may be asked for. All five are pure. `health.py` judges a connection, `connection.py` is the
WebSocket, and `session.py` puts them together. `tools.py` is what plugins offer to the model.
"""
