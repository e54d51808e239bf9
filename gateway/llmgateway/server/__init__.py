"""The ASGI application: hot routes raw, cold routes FastAPI;
authentication, streaming pump, drain, configuration reload."""
