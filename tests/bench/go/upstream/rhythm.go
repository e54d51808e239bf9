package main

import (
	"bufio"
	"net"
	"strconv"
	"time"

	"llmgateway.dev/bench/token"
)

const (
	streamHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
	lastChunk  = "0\r\n\r\n"
	burst      = 50
	pace       = 10 * time.Millisecond
)

// stream is one answer while it is being written.
type stream struct {
	connection net.Conn
	reader     *bufio.Reader
	dialect    dialect
	tokens     int
	events     []byte
	chunk      []byte
}

var rhythms = map[string]func(*stream) error{
	"paced":    func(s *stream) error { return s.play(s.dialect.text, pace, 1) },    // how a model answers
	"burst":    func(s *stream) error { return s.play(s.dialect.text, 0, burst) },   // what translation costs by itself
	"straight": func(s *stream) error { return s.play(s.dialect.text, 0, 1) },       // readers find what has piled up
	"tools":    func(s *stream) error { return s.play(s.dialect.tool, pace/10, 1) }, // fragments of one call's arguments
	"slow":     (*stream).slow,                                                      // one token, then silence
}

// slow sends one token and holds the stream until the client leaves.
func (s *stream) slow() error {
	s.event(s.dialect.text, 0)
	if err := s.flush(streamHead, s.dialect.text.opening); err != nil {
		return err
	}
	_, err := s.reader.Peek(1) // the client sends nothing more: this ends when it leaves
	return err
}

// play sends all tokens, every so often, some in each write.
func (s *stream) play(told telling, every time.Duration, inWrite int) error {
	if err := s.flush(streamHead, told.opening); err != nil {
		return err
	}
	start := time.Now()
	for number := range s.tokens {
		if every > 0 {
			time.Sleep(time.Until(start.Add(time.Duration(number) * every)))
		}
		s.event(told, number)
		if (number+1)%inWrite == 0 && number+1 < s.tokens {
			if err := s.flush("", nil); err != nil {
				return err
			}
		}
	}
	s.events = append(s.events, told.closing...)
	if err := s.flush("", nil); err != nil {
		return err
	}
	_, err := s.connection.Write([]byte(lastChunk))
	return err
}

func (s *stream) event(told telling, number int) {
	s.events = append(s.events, told.before...)
	s.events = token.Append(s.events, number)
	s.events = append(s.events, told.after...)
}

// flush writes head, then opening and all collected events as one chunk, in one write.
func (s *stream) flush(head string, opening []byte) error {
	size := len(opening) + len(s.events)
	if size == 0 {
		return nil
	}
	s.chunk = append(s.chunk[:0], head...)
	s.chunk = strconv.AppendInt(s.chunk, int64(size), 16)
	s.chunk = append(s.chunk, "\r\n"...)
	s.chunk = append(s.chunk, opening...)
	s.chunk = append(s.chunk, s.events...)
	s.chunk = append(s.chunk, "\r\n"...)
	s.events = s.events[:0]
	_, err := s.connection.Write(s.chunk)
	return err
}
