"""The three wire dialects, each a package with the same parts:

    decode.py   upstream bytes -> canonical events (streams and whole answers)
    encode.py   canonical events -> client bytes (streams and whole answers)
    errors.py   failures, in and out

Nothing here does I/O, reads a clock, or knows another dialect.
"""
