package main

import (
	"strings"

	"llmgateway.dev/bench/token"
)

// telling is how a stream says its tokens: what comes first, what stands around each token, what comes last.
type telling struct{ opening, before, after, closing []byte }

type dialect struct {
	text, tool   telling
	wholeOpening string
	wholeClosing string
}

func (d dialect) whole() []byte {
	return append(token.Append([]byte(d.wholeOpening), 0), d.wholeClosing...)
}

var filler = strings.Repeat("An answer of about one kilobyte, as a short question gets. ", 16)

const (
	chatHead = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench",` +
		`"system_fingerprint":"fp_bench","choices":[`
	chatDelta = chatHead + `{"index":0,"delta":{`
	chatTail  = `},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	chatUsage = `"usage":{"prompt_tokens":20,"completion_tokens":200,"total_tokens":220}}`
	chatCall  = `"tool_calls":[{"index":0,"function":{"arguments":"`
)

func chatClosing(reason string) []byte {
	return []byte(chatHead + `{"index":0,"delta":{},"logprobs":null,"finish_reason":"` + reason + `"}]}` + "\n\n" +
		chatHead + `],` + chatUsage + "\n\ndata: [DONE]\n\n")
}

var chat = dialect{
	text: telling{
		opening: []byte(chatDelta + `"role":"assistant","content":"","refusal":null` + chatTail),
		before:  []byte(chatDelta + `"content":"`),
		after:   []byte(`"` + chatTail),
		closing: chatClosing("stop"),
	},
	tool: telling{
		opening: []byte(chatDelta + `"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_bench",` +
			`"type":"function","function":{"name":"write_file","arguments":""}}]` + chatTail +
			chatDelta + chatCall + `{\"text\":\""}}]` + chatTail),
		before:  []byte(chatDelta + chatCall),
		after:   []byte(`"}}]` + chatTail),
		closing: append([]byte(chatDelta+chatCall+`\"}"}}]`+chatTail), chatClosing("tool_calls")...),
	},
	wholeOpening: `{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench","choices":[` +
		`{"index":0,"message":{"role":"assistant","content":"`,
	wholeClosing: filler + `","refusal":null},"logprobs":null,"finish_reason":"stop"}],` + chatUsage,
}

const (
	messageStart = "event: message_start\n" + `data: {"type":"message_start","message":{"id":"msg_bench","type":"message",` +
		`"role":"assistant","model":"bench","content":[],"stop_reason":null,"stop_sequence":null,` +
		`"usage":{"input_tokens":20,"output_tokens":1}}}` + "\n\n"
	blockStart = "event: content_block_start\n" + `data: {"type":"content_block_start","index":0,"content_block":`
	blockDelta = "event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":{`
	blockStop  = "event: content_block_stop\n" + `data: {"type":"content_block_stop","index":0}` + "\n\n"
	jsonDelta  = blockDelta + `"type":"input_json_delta","partial_json":"`
	deltaEnd   = `"}}` + "\n\n"
)

func messageClosing(reason string) string {
	return blockStop + "event: message_delta\n" + `data: {"type":"message_delta","delta":{"stop_reason":"` + reason +
		`","stop_sequence":null},"usage":{"output_tokens":200}}` + "\n\n" +
		"event: message_stop\n" + `data: {"type":"message_stop"}` + "\n\n"
}

var messages = dialect{
	text: telling{
		opening: []byte(messageStart + blockStart + `{"type":"text","text":""}}` + "\n\n"),
		before:  []byte(blockDelta + `"type":"text_delta","text":"`),
		after:   []byte(deltaEnd),
		closing: []byte(messageClosing("end_turn")),
	},
	tool: telling{
		opening: []byte(messageStart + blockStart +
			`{"type":"tool_use","id":"toolu_bench","name":"write_file","input":{}}}` + "\n\n" +
			jsonDelta + `{\"text\":\"` + deltaEnd),
		before:  []byte(jsonDelta),
		after:   []byte(deltaEnd),
		closing: []byte(jsonDelta + `\"}` + deltaEnd + messageClosing("tool_use")),
	},
	wholeOpening: `{"id":"msg_bench","type":"message","role":"assistant","model":"bench","content":[{"type":"text","text":"`,
	wholeClosing: filler + `"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":20,"output_tokens":200}}`,
}
