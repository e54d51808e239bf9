from kubectl_llmgateway.command_line import main

raise SystemExit(main())
