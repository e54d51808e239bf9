"""`kubectl llmgateway`: what an admin asks a gateway from a terminal.

Lives here: one module per subcommand over a thin wrapper of `kubectl`, and pure functions from documents to text.

Never here: a Kubernetes client (the user's `kubectl` knows the user's cluster, context and login), a write to anything
but the one annotation that asks for a rotation, a secret in an argument or an error.
"""
