"""The data plane: translates and streams between any client dialect and any upstream.

Nothing here talks to the Kubernetes API, except the program that the refresh CronJob runs.
"""
