module llmgateway.dev/bench

go 1.22
