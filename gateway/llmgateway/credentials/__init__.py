"""Upstream credentials: watched files with hot swap, OAuth exchanges.
A value of a credential never enters a log or an error."""
