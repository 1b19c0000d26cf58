"""Listens a fixed delay after the greeting."""
