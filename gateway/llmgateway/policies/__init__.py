"""Policies between client and upstream: pure functions (document, facts, settings) -> (document, notes).

They act on the upstream's request document, after translation, so there are two kinds of documents only: chat and
messages. `apply.py` runs them in order; each acts visibly (a note) or not at all, and hands back the very same document
when it has nothing to do. Here nothing does I/O, reads a clock, draws at random, logs, or changes what it was given.
"""
