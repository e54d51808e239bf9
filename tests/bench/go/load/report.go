package main

import (
	"slices"
	"time"
)

// seen is what callers saw: complete good answers, failures, tokens, and times in microseconds.
type seen struct {
	good, failed, tokens            int
	firstFailure                    string
	latency, first, transit, jitter []int32
	elapsed                         time.Duration
}

func (s *seen) fail(err error) {
	s.failed++
	if s.firstFailure == "" {
		s.firstFailure = err.Error()
	}
}

func merged(all []*seen) *seen {
	total := &seen{}
	for _, each := range all {
		total.good += each.good
		total.failed += each.failed
		total.tokens += each.tokens
		if total.firstFailure == "" {
			total.firstFailure = each.firstFailure
		}
		total.latency = append(total.latency, each.latency...)
		total.first = append(total.first, each.first...)
		total.transit = append(total.transit, each.transit...)
		total.jitter = append(total.jitter, each.jitter...)
	}
	return total
}

type quantiles struct {
	P50 int32 `json:"p50"`
	P99 int32 `json:"p99"`
}

// report is printed. Times are microseconds: latency to the last byte of a good answer, first token since the request
// was written, transit of a token from the model server's write to this program's read, jitter as the difference of the
// transits of two tokens in a row (RFC 3550, section 6.4.1).
type report struct {
	Good         int       `json:"good"`
	Failed       int       `json:"failed"`
	FirstFailure string    `json:"first_failure"`
	Tokens       int       `json:"tokens"`
	Seconds      float64   `json:"seconds"`
	Latency      quantiles `json:"latency"`
	FirstToken   quantiles `json:"first_token"`
	Transit      quantiles `json:"transit"`
	Jitter       quantiles `json:"jitter"`
}

func (s *seen) report() report {
	return report{
		s.good, s.failed, s.firstFailure, s.tokens, s.elapsed.Seconds(),
		of(s.latency), of(s.first), of(s.transit), of(s.jitter),
	}
}

func of(samples []int32) quantiles {
	if len(samples) == 0 {
		return quantiles{}
	}
	slices.Sort(samples)
	return quantiles{samples[len(samples)/2], samples[len(samples)*99/100]}
}
