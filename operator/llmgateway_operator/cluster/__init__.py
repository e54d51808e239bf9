"""The one seam to the API server.

Lives here: the port (`port.py`), its implementation over `kubernetes.aio.dynamic`, the table of kinds, metadata
watches and the index of children they fill, the tree of errors.

Never here: a decision about what should exist. Nothing outside this package imports `kubernetes`.
"""
