"""`python -m llmgateway_operator`."""

from llmgateway_operator.command_line import main

main()
