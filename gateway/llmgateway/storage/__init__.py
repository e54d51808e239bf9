"""Conversations, responses, sessions and limits behind one port with several implementations."""
