"""Collects keypad digits."""
