"""Names, addresses and folders of a cluster made of namespaces. Fixed, so there is one such cluster per machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.cache_folder import cache_folder

MAXIMUM_NODES = 3
HOST_ADDRESS = "10.249.0.1"  # the machine itself, as nodes and pods see it
API_ADDRESS = "10.249.0.2"  # the first node
API_PORT = 6443
POD_NETWORK = "10.244.0.0/16"
FIRST_SERVICE_ADDRESS = "10.96.0.1"  # the API server's own Service takes the first address of SERVICE_NETWORK
DNS_ADDRESS = "10.96.0.10"  # as coredns.yaml says

RUN = cache_folder("cluster") / "run"  # exists while the cluster does
IMAGES = cache_folder("cluster", "images")  # OCI archives; `up` imports them all into every node


@dataclass(frozen=True)
class Node:
    """One node: its number from 0 on gives it its name, addresses and folder."""

    number: int

    @property
    def name(self) -> str:
        return f"node-{self.number}"

    @property
    def address(self) -> str:
        return f"10.249.0.{2 + self.number}"

    @property
    def pods(self) -> str:
        """The addresses of its pods (CIDR)."""
        return f"10.244.{self.number}.0/24"

    @property
    def folder(self) -> Path:
        return RUN / self.name

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def is_control_plane(self) -> bool:
        return self.number == 0

    def hardware_address(self, device: int) -> str:
        """Locally administered and fixed: a bridge else takes its lowest port's, which changes as pods come
        and go, and neighbours keep the old one for a while."""
        return f"02:6c:67:00:{device:02x}:{self.number:02x}"


LOADED = "images-loaded"  # a file in a node's folder: all images are there
NODES = [Node(number) for number in range(MAXIMUM_NODES)]
