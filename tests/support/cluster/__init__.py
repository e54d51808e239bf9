"""A real Kubernetes cluster for the end-to-end tests: pods that run, Services, DNS, exec, logs.

`python -m support.cluster up` takes `kind` where a Docker engine answers; elsewhere it makes nodes of its own out of
Linux namespaces (needs root). What lives here must never change the machine beyond one veth pair, one network
namespace, its routes and one cgroup, and `down` removes those.
"""
