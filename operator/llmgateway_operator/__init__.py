"""The control plane: makes the cluster look as LLMGateway and LLMCredential objects say.

Lives here: watches that only enqueue keys, one work queue, one reconcile function per kind, pure builders
(`desired`), pure judges (`status`), one narrow seam to the API server (`cluster`).

Never here: an import of the gateway, a finalizer, a write to the spec or metadata of a user's object, the data of a
Secret in a log, an error, an Event or a status, a decision inside a watch handler.
"""
