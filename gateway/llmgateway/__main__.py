"""`python -m llmgateway` is the `llmgateway` command."""

import sys

from llmgateway.command_line import main

sys.exit(main())
