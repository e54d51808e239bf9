"""What the end-to-end tests drive: the installed operator, gateways, pods that are their clients, and load.

Here nothing may depend on how the cluster was made: everything goes through its API server, so that any cluster of a
KUBECONFIG will do that has the images of `make images`.
"""
