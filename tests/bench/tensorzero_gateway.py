"""TensorZero's gateway as its Python package brings it: python tensorzero_gateway.py CONFIGURATION PORT_FILE.

It listens on a port that it chooses itself; PORT_FILE is where that is written.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tensorzero.tensorzero import _start_http_gateway  # what `patch_openai_client` starts

configuration, port_file = sys.argv[1:]
gateway = _start_http_gateway(
    config_file=configuration, clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
chosen = Path(port_file)
unready = chosen.with_suffix(".unready")
unready.write_text(str(urlsplit(gateway.base_url).port))
unready.rename(chosen)
signal.pause()
