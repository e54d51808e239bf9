"""Conversations, responses, sessions, limits and process marks behind one port (`port.py`, `records.py`) with three
implementations: `memory`, `sqlite` (a local file), `valkey` (shared by all replicas). `resilient` puts fail-fast tries,
a queue of writes and endless reconnection in front of the last two; `opening` chooses by the spec.

Never here: a read-modify-write over the network, a message that is interpreted (policies and translators do that), an
exception of a driver that leaves the package, a request that fails because the store is away.
"""
