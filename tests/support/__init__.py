"""What the tests start and drive: real servers, real clusters, scripted upstreams. Nothing here is shipped."""
