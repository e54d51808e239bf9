"""Bytes on the wire: server-sent events and JSON. Knows no dialect, does no I/O."""
