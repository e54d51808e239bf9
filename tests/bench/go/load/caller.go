package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"llmgateway.dev/bench/token"
)

// caller is one connection and what it saw.
type caller struct {
	settings
	seen       *seen
	connection net.Conn
	reader     *bufio.Reader
	buffer     []byte
}

// loop sends requests until the time is over. What runs then is neither good nor failed; its tokens count.
func (c *caller) loop() {
	for time.Now().Before(c.until) {
		err := c.exchange(nil)
		switch {
		case err == nil:
			c.seen.good++
		case time.Now().After(c.until):
		default:
			c.seen.fail(err)
			c.drop()
			time.Sleep(time.Millisecond)
		}
	}
	c.drop()
}

// holdOne calls begun after the first token or a failure, and returns when the stream ends.
func (c *caller) holdOne(begun func()) error {
	called := false
	once := func() {
		if !called {
			called = true
			begun()
		}
	}
	defer once()
	return c.exchange(once)
}

func (c *caller) drop() {
	if c.connection != nil {
		c.connection.Close()
		c.connection = nil
	}
}

func (c *caller) dial() error {
	if c.connection != nil {
		return nil
	}
	connection, err := net.Dial("tcp", c.address)
	if err != nil {
		return err
	}
	connection.SetDeadline(c.until)
	c.connection = connection
	c.reader = bufio.NewReaderSize(connection, 16<<10)
	return nil
}

// exchange sends one request and reads its answer to the end; onFirst is called at the first token.
func (c *caller) exchange(onFirst func()) error {
	if err := c.dial(); err != nil {
		return err
	}
	start := time.Now()
	if _, err := c.connection.Write(c.request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 500))
		return fmt.Errorf("status %d: %s", answer.StatusCode, said)
	}
	count, err := c.read(answer.Body, start, onFirst)
	if err != nil {
		return err
	}
	if count != c.tokens {
		return fmt.Errorf("an answer of %d tokens instead of %d", count, c.tokens)
	}
	c.seen.latency = append(c.seen.latency, micros(time.Since(start)))
	if answer.Close {
		c.drop()
	}
	return nil
}

// read counts each token once: events that repeat the text so far hold numbers that are known already.
func (c *caller) read(body io.Reader, start time.Time, onFirst func()) (count int, err error) {
	if c.buffer == nil {
		c.buffer = make([]byte, 64<<10)
	}
	kept, transit := 0, int64(0)
	for {
		read, err := body.Read(c.buffer[kept:])
		now := time.Now()
		data := c.buffer[:kept+read]
		for {
			found, rest, ok := token.Find(data)
			data = rest
			if !ok {
				break
			}
			if found.Number != count {
				continue
			}
			took := now.UnixMicro() - found.SentUnix
			if count == 0 {
				c.seen.first = append(c.seen.first, micros(now.Sub(start)))
				if onFirst != nil {
					onFirst()
				}
			} else {
				c.seen.jitter = append(c.seen.jitter, int32(max(took-transit, transit-took)))
			}
			c.seen.transit = append(c.seen.transit, int32(took))
			transit = took
			count++
			c.seen.tokens++
		}
		kept = copy(c.buffer, data)
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
	}
}

func micros(duration time.Duration) int32 { return int32(duration.Microseconds()) }
