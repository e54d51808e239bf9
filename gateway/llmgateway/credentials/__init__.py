"""Upstream credentials: what the gateway reads, and the one program that renews OAuth tokens.

Lives here: the Secrets as the gateway sees them (`secret_store`); the refresh program as a pure core (`oauth_exchange`,
`token_formats`, `refresh_record`, `refresh_steps`, `refresh_protocol`, `refresh_verdicts`) and its shells
(`token_endpoint`, `kubernetes_secrets`, `file_secrets`, `refresh_program`, `stand_alone`).

Never here: a credential's value in a log, an error or a repr; a second place that sends a refresh token; an import of
pydantic, fastapi, aiohttp or kubernetes in what `llmgateway refresh-credential` loads (it must start fast).
"""
