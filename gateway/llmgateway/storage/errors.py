"""What a store can say instead of an answer.

StoreError              the store refused: a fault of ours, trying again can't help
  StoreUnavailable      no answer: away, too slow, or starting; a read may be tried later, a write is kept
    StoreFull           it answers, but takes no writes (maxmemory, disk full, read-only)

An id that does not exist, or belongs to another owner, is no error: reads return None.
"""

from __future__ import annotations


class StoreError(Exception):
    """Base of all; messages name no owner, no content and no password."""


class StoreUnavailable(StoreError):
    """The store gave no answer."""


class StoreFull(StoreUnavailable):
    """The store reads but does not write."""
