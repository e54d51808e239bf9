"""What a request, a token, a stream and a start cost, measured side by side in one run (`python -m bench`).

The gateway and its peers run one at a time on one core; the load generator and the model server (Go, in `go/`) on the
other. The main figure is CPU time of the contender's process tree, which other work on the machine disturbs little.
Nothing here may time the gateway alone and call it a result, or switch a feature of it off.
"""
