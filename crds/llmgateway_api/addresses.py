"""Which addresses are allowed where; the grammars are read alike by Python and the API server (RE2)."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

HTTP_URL: Final = r"^https?://[^/?#@\s]+(/[^?#\s]*)?$"
"""http or https, without user name, password, query and fragment."""

STORE_URL: Final = r"^rediss?://[^/?#@\s]+(/[0-9]+)?$"
"""redis or rediss, without user name and password."""

SAFE_FOR_SECRETS: Final = (
    r"^(https://[^/?#@\s]+|http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\]|[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    r"|[a-z0-9]([-a-z0-9.]*[a-z0-9])?\.svc(\.cluster\.local)?)(:[0-9]{1,5})?)(/[^#@\s]*)?$"
)
"""https to anywhere; http only to this machine or inside the cluster (a bare Service name or *.svc)."""

HTTPS_OR_INSIDE: Final = "must be https://..., or http://... to a loopback or cluster-internal host"


def matches(grammar: str, text: str) -> bool:
    """As CEL's `matches` with an anchored grammar; unlike `re.match`, `$` is the very end."""
    return re.fullmatch(grammar, text) is not None


def is_cidr(text: str) -> bool:
    """As CEL's `isCIDR`: an address and a prefix length."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return text.partition("/")[2].isdecimal()
