"""Requests from one dialect into another: pure functions, driven by tables that also print the fidelity page.

A field that the target can't express is never lost silently: it is returned as a Loss.
"""
