"""Worlds in memory, behind the ports of the real ones: thousands of runs with faults at every step, in seconds."""
