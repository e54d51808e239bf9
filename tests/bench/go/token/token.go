// Package token is the text that stands for one token: it says which one it is and when it was sent, so that a client
// behind any gateway, in any dialect, can count tokens and time their way without parsing JSON.
//
//	~0007065a1b2c3d4e␠   "~", four hexadecimal digits of its number, twelve of the Unix time in microseconds, a space
package token

import (
	"bytes"
	"time"
)

// Size of a token's text in bytes.
const Size = 18

const digits = "0123456789abcdef"

// Append writes the token with this number, sent now.
func Append(to []byte, number int) []byte {
	to = append(to, '~')
	to = appendHex(to, uint64(number), 4)
	to = appendHex(to, uint64(time.Now().UnixMicro()), 12)
	return append(to, ' ')
}

func appendHex(to []byte, value uint64, width int) []byte {
	for shift := (width - 1) * 4; shift >= 0; shift -= 4 {
		to = append(to, digits[value>>shift&15])
	}
	return to
}

// Seen is one token found in a stream.
type Seen struct {
	Number   int
	SentUnix int64 // microseconds
}

// Find gives the first token in data and what follows it. When there is none, rest is the end of data that may be the
// beginning of one.
func Find(data []byte) (found Seen, rest []byte, ok bool) {
	at := bytes.IndexByte(data, '~')
	if at < 0 {
		return found, nil, false
	}
	if len(data)-at < Size {
		return found, data[at:], false
	}
	text := data[at+1 : at+Size-1]
	return Seen{int(fromHex(text[:4])), int64(fromHex(text[4:]))}, data[at+Size-1:], true
}

func fromHex(text []byte) (value uint64) {
	for _, digit := range text {
		value = value<<4 | uint64(bytes.IndexByte([]byte(digits), digit))
	}
	return value
}
