package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
)

// variable tells a program that it is a child; dataLimit, in bytes, what memory it may have.
const (
	variable  = "BUCKETOCR_SANDBOX"
	dataLimit = "BUCKETOCR_SANDBOX_DATA"
)

// Message is a call or its answer: a few numbers and bytes.
type Message struct {
	Op   string  `json:"op,omitempty"`
	Args []int64 `json:"args,omitempty"`
	Data []byte  `json:"-"`

	// Key names the Data of a call, if it is not 0. The child keeps what it was given last under a key, and a call with
	// that key does not send it again. No two objects of one Child may have the same key.
	Key int64 `json:"key,omitempty"`

	Size  int    `json:"size,omitempty"`  // of Data, set on the way
	Kept  bool   `json:"kept,omitempty"`  // of a call: Data is what the child keeps, set on the way
	Error *Error `json:"error,omitempty"` // of an answer
}

// Error is what a handler says. ServeIfChild sets Code, which is empty for an error that it does not know.
type Error struct{ Code, Msg string }

func (e *Error) Error() string { return e.Msg }

// write sends a message: a line that describes it, then its bytes.
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

// maxSize is more than any file or picture has, in bytes.
const maxSize = 1 << 30

// readHead reads the line of a message, readData its bytes.
func readHead(r *bufio.Reader) (m Message, err error) {
	line, err := r.ReadSlice('\n')
	if err == nil {
		err = json.Unmarshal(line, &m)
	}
	if err == nil && (m.Size < 0 || m.Size > maxSize) {
		err = errors.New("a message of impossible size")
	}
	return m, err
}

func (m *Message) readData(r *bufio.Reader) error {
	if m.Size == 0 {
		return nil
	}
	m.Data = make([]byte, m.Size)
	_, err := io.ReadFull(r, m.Data)
	return err
}

func read(r *bufio.Reader) (Message, error) {
	m, err := readHead(r)
	if err == nil {
		err = m.readData(r)
	}
	return m, err
}
