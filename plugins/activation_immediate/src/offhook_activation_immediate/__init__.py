"""Listens as soon as the call's audio is connected."""
