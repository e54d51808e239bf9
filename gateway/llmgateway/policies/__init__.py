"""Policies between client and upstream: pure functions (document, facts, settings) -> (document, notes).
No I/O, no clock."""
