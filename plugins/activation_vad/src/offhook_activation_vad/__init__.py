"""Listens when Asterisk hears the caller speak."""
