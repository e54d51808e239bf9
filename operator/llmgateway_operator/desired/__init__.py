"""Pure builders: an LLMGateway and what was observed, turned into the manifests that should exist.

Lives here: one file per topic; `manifests.py` puts them together in apply order.

Never here: I/O, a clock, randomness, the operator's version, a field that users or other controllers own.
"""
