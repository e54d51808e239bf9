"""The three wire dialects, each a package with the same parts:

    decode.py   upstream bytes -> canonical events (streams and whole answers)
    encode.py   canonical events -> client bytes (streams and whole answers)
    errors.py   failures, in and out

What they share lies beside them: reading any error body (upstream_failure), overflow in every wording
(context_overflow), tool arguments as text (tool_arguments, mended_json), OpenAI's error envelope (openai_envelope).
Nothing here does I/O, reads a clock, and no dialect knows another.
"""
