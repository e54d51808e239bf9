"""One LLMCredential, level-triggered: what should exist for it, which run is wanted now, what its status says.

Lives here: builders (`refresh_pod`, `refresh_children`, `access_copy`), judges (`triggers`, `claims`, `verdicts`), the
reader of what the refresh program leaves behind (`refresh_record`), and the one shell (`gather`, `reconcile`).

Never here: a call to a token endpoint, a write to a refresh token, a token in a log, an error, an Event, a status or an
argument; a deletion of a Secret with tokens (docs/decisions/0202).
"""
