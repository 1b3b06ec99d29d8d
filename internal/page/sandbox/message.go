package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"math"
)

// Environment variables of a child: variable marks it as one, dataLimit is its limit of memory in bytes.
const (
	variable  = "BUCKETOCR_SANDBOX"
	dataLimit = "BUCKETOCR_SANDBOX_DATA"
)

// Message is a call or its answer: a few numbers and bytes.
type Message struct {
	Op   string  `json:"op,omitempty"`
	Args []int64 `json:"args,omitempty"`
	Data []byte  `json:"-"`

	// File, in a call, is what the handler gets as Data. On Linux the child reads the same memory; elsewhere the bytes
	// are sent with each call.
	File   *File `json:"-"`
	Passed bool  `json:"passed,omitempty"` // File is passed apart from the message; set when sending

	Size  int    `json:"size,omitempty"`  // of Data, set when sending
	Error *Error `json:"error,omitempty"` // in an answer
}

// Error is a handler's error. Code is set by ServeIfChild and empty for errors that have none.
type Error struct{ Code, Msg string }

func (e *Error) Error() string { return e.Msg }

// write sends a message: a line of JSON, then its Data.
func write(w io.Writer, m Message) error {
	m.Size = len(m.Data)
	head, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err = w.Write(append(head, '\n')); err == nil {
		_, err = w.Write(m.Data)
	}
	return err
}

// The most bytes of Data. No picture is as large as that of an answer, which comes from a process that may have been
// taken over; a call comes from the parent, which has limited the size of the file.
const (
	mostAnswered = 1 << 30
	mostCalled   = math.MaxInt
)

// read receives a message with at most most bytes of Data.
func read(r *bufio.Reader, most int) (m Message, err error) {
	if m, err = readHead(r, most); err == nil && m.Size > 0 {
		m.Data = make([]byte, m.Size)
		_, err = io.ReadFull(r, m.Data)
	}
	return m, err
}

// readHead receives a message up to its Data.
func readHead(r *bufio.Reader, most int) (m Message, err error) {
	line, err := r.ReadSlice('\n')
	if err == nil {
		err = json.Unmarshal(line, &m)
	}
	if err == nil && (m.Size < 0 || m.Size > most) {
		err = errors.New("invalid message size")
	}
	return m, err
}
