// A closed-loop HTTP client: so many connections, each sending one request after the other, for so long. It prints one
// JSON object of what it saw (report.go). With -hold it opens streams, waits for the first token of each, says so, and
// keeps them open until its standard input ends.
//
//	load -address 127.0.0.1:PORT -path /v1/messages -body FILE -header "name: value" -connections 16 -for 5s -tokens 200
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"
)

type settings struct {
	address, path string
	request       []byte
	tokens        int
	until         time.Time
}

type headers []string

func (h *headers) String() string         { return strings.Join(*h, ", ") }
func (h *headers) Set(value string) error { *h = append(*h, value); return nil }

func main() {
	var given headers
	address := flag.String("address", "", "host:port")
	path := flag.String("path", "", "path of the POST")
	body := flag.String("body", "", "file with the request body")
	flag.Var(&given, "header", "a header line; may be repeated")
	connections := flag.Int("connections", 1, "how many at once")
	duration := flag.Duration("for", 5*time.Second, "when to stop")
	tokens := flag.Int("tokens", 1, "tokens of a complete answer")
	hold := flag.Bool("hold", false, "open streams and hold them until standard input ends")
	flag.Parse()
	content, err := os.ReadFile(*body)
	if err != nil {
		log.Fatal(err)
	}
	chosen := settings{*address, *path, request(*address, *path, given, content), *tokens, time.Now().Add(*duration)}
	if *hold {
		holdStreams(chosen, *connections)
		return
	}
	json.NewEncoder(os.Stdout).Encode(run(chosen, *connections).report())
}

func request(address, path string, given headers, body []byte) []byte {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n",
		path, address, len(body))
	for _, line := range given {
		head += line + "\r\n"
	}
	return append([]byte(head+"\r\n"), body...)
}

func run(chosen settings, connections int) *seen {
	all := make([]*seen, connections)
	start := time.Now()
	var running sync.WaitGroup
	for number := range all {
		all[number] = &seen{}
		running.Add(1)
		go func() {
			defer running.Done()
			(&caller{settings: chosen, seen: all[number]}).loop()
		}()
	}
	running.Wait()
	total := merged(all)
	total.elapsed = time.Since(start)
	return total
}

const opening = 64 // streams that may be on their way to a first token at once, when they are held

func holdStreams(chosen settings, connections int) {
	chosen.until = time.Now().Add(time.Hour)
	slots := make(chan struct{}, opening)
	failures := make(chan error, connections)
	var begun sync.WaitGroup
	for range connections {
		begun.Add(1)
		slots <- struct{}{}
		go func() {
			err := (&caller{settings: chosen, seen: &seen{}}).holdOne(func() { <-slots; begun.Done() })
			if err != nil {
				failures <- err
			}
		}()
	}
	begun.Wait()
	fmt.Printf("held %d\n", connections-len(failures))
	select {
	case err := <-failures:
		fmt.Fprintln(os.Stderr, err)
	default:
	}
	io.Copy(io.Discard, bufio.NewReader(os.Stdin))
}
