// A model server that costs next to nothing: it answers both dialects with bytes made beforehand, in the rhythm that
// the prompt asks for. HTTP/1.1 by hand, so that one event, or one burst, is one write.
//
//	upstream -listen 127.0.0.1:PORT
//
// The last "bench:RHYTHM:TOKENS" of a request body is the script; the rhythms are in rhythm.go.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
)

const models = `{"object":"list","data":[{"id":"bench","object":"model","created":1,"owned_by":"bench"}]}`

func main() {
	address := flag.String("listen", "127.0.0.1:9000", "host and port")
	flag.Parse()
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(connection)
	}
}

func serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReaderSize(connection, 64<<10)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		if request.Method != http.MethodPost {
			writeWhole(connection, []byte(models))
			continue
		}
		spoken := chat
		if strings.HasSuffix(request.URL.Path, "/messages") {
			spoken = messages
		}
		if answer(connection, reader, spoken, body) != nil {
			return
		}
	}
}

func answer(connection net.Conn, reader *bufio.Reader, spoken dialect, body []byte) error {
	rhythm, tokens := script(body)
	if rhythm == "whole" {
		return writeWhole(connection, spoken.whole())
	}
	play, known := rhythms[rhythm]
	if !known {
		return fmt.Errorf("no rhythm %q", rhythm)
	}
	return play(&stream{connection: connection, reader: reader, dialect: spoken, tokens: tokens})
}

// script reads "bench:RHYTHM:TOKENS"; a prompt without one gets a whole answer, as health probes send.
func script(body []byte) (rhythm string, tokens int) {
	at := bytes.LastIndex(body, []byte("bench:"))
	if at < 0 {
		return "whole", 1
	}
	parts := strings.SplitN(string(body[at:min(len(body), at+40)]), ":", 3)
	if len(parts) < 3 {
		return "whole", 1
	}
	number := parts[2]
	end := strings.IndexFunc(number, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		number = number[:end]
	}
	tokens, _ = strconv.Atoi(number)
	return parts[1], tokens
}

func writeWhole(connection net.Conn, body []byte) error {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n", len(body))
	_, err := connection.Write(append([]byte(head), body...))
	return err
}
