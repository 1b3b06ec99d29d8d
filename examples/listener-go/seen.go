package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// seen records the last handled result of each document in a file that only grows, one line with the document's ID and
// the result each. A real listener should record this together with its own results, in the same transaction if
// possible.
type seen struct {
	results map[string]string
	file    *os.File
}

// openSeen reads the file, if it exists. It ignores a last line cut off by a crash, whose result is delivered again.
func openSeen(path string) (*seen, error) {
	s := &seen{results: map[string]string{}}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	whole := old[:strings.LastIndexByte(string(old), '\n')+1]
	lines := bufio.NewScanner(strings.NewReader(string(whole)))
	for lines.Scan() {
		if id, key, ok := strings.Cut(lines.Text(), " "); ok {
			s.results[id] = key
		}
	}
	if s.file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := s.file.Truncate(int64(len(whole))); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	_, err = s.file.Seek(0, 2)
	return s, err
}

func (s *seen) last(id string) string { return s.results[id] }

// latest returns the finish time of the last handled result; zero if there is none.
func (s *seen) latest() (t time.Time) {
	for _, key := range s.results {
		_, at, _ := strings.Cut(key, "@")
		if micro, err := strconv.ParseInt(at, 10, 64); err == nil && micro > t.UnixMicro() {
			t = time.UnixMicro(micro)
		}
	}
	return t
}

func (s *seen) remember(id, key string) error {
	if _, err := fmt.Fprintf(s.file, "%s %s\n", id, key); err != nil {
		return err
	}
	s.results[id] = key
	return s.file.Sync()
}

// Close closes the file.
func (s *seen) Close() error { return s.file.Close() }
