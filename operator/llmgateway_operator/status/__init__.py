"""What the operator says about a gateway: pure judgement of what was observed.

Lives here: the closed catalogue of reasons, one check per condition, the rules that put them together, the generator of
docs/status-conditions.md.

Never here: a clock (`now` is an argument), I/O, a reason that is not in the catalogue, the data of a Secret, anything
that changes with time alone.
"""
