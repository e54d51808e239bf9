"""What of the charts and of the admin documents is derived from code: one module per derived thing.

Lives here: pure functions from the project's own data (permissions, API types, condition catalogue, values) to text.

Never here: something that only a human can decide, such as defaults, thresholds and explanations; those stand in
values.yaml, files/ and docs/.
"""
