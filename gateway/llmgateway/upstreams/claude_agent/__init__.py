"""Claude through the Agent SDK's own program: a pool of live sessions behind the seam that HTTP backends use too.

A session is one process of the command line that the package `claude-agent-sdk` ships, spoken to over the SDK's
control protocol. Requests come in as Anthropic Messages, answers go out as Messages SSE or JSON.

What must never happen here: two conversations in one process; a process that reads or writes the machine's files for
a client; an error of the API shown as the model's text; a process that outlives the gateway; an import of the SDK
(its 60 MB and its MCP server are not needed to speak the protocol: docs/decisions/0500).
"""

from llmgateway.upstreams.claude_agent.fidelity import losses_of
from llmgateway.upstreams.claude_agent.transport import PROFILE_HEADER, AgentSettings, ClaudeAgentTransport

__all__ = ["PROFILE_HEADER", "AgentSettings", "ClaudeAgentTransport", "losses_of"]
