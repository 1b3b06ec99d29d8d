package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// state is the created resources by key, and the number of changes of this run.
type state struct {
	file    string
	things  map[string]string
	made    map[string]int // when each was created or changed
	now     int            // seconds of simulated time
	changes int
}

// gone is the mark of deleted resources.
const gone = "(deleted)"

func load() *state {
	if os.Getenv("FAKE_STATE") == "" {
		fail("FAKE_STATE names no file")
	}
	s := &state{file: os.Getenv("FAKE_STATE"), things: map[string]string{}, made: map[string]int{}}
	for _, line := range lines(s.file) {
		key, mark, _ := strings.Cut(line, "\t")
		if key == "run" {
			s.changes = 0
			continue
		}
		s.changes++
		if mark == gone {
			delete(s.things, key)
			continue
		}
		s.things[key] = mark
	}
	for _, line := range lines(s.file + ".times") {
		key, at, _ := strings.Cut(line, "\t")
		s.made[key], _ = strconv.Atoi(at)
	}
	for _, line := range lines(s.file + ".clock") {
		n, _ := strconv.Atoi(line)
		s.now += n
	}
	return s
}

func lines(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil // nothing was created yet
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(l string) bool { return l == "" })
}

func appendTo(file, line string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		fail(err.Error())
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, line); err != nil {
		fail(err.Error())
	}
}

// pass advances the clock.
func (s *state) pass(seconds int) {
	s.now += seconds
	if s.file == "" {
		return // nothing is stored
	}
	appendTo(s.file+".clock", strconv.Itoa(seconds))
}

// age returns how many seconds ago a resource was created; resources from before the first command are infinitely old.
func (s *state) age(key string) int {
	at, known := s.made[key]
	if !known {
		return 1 << 30
	}
	return s.now - at
}

// write records a change; it returns false if it would create an existing resource.
func (s *state) write(c command) bool {
	key, mark := c.key(), c.mark()
	if _, there := s.things[key]; there && c.has("create") {
		return false
	}
	if c.has("remove-iam-policy-binding") { // with every condition
		s.each(key, func(condition, _ string) { appendTo(s.file, key+condition+"\t"+gone) })
		return true
	}
	if c.is("run deploy") {
		mark += "|" + s.secrets(c)
	}
	if c.has("delete") {
		mark = gone
	}
	appendTo(s.file, key+"\t"+mark)
	appendTo(s.file+".times", fmt.Sprintf("%s\t%d", key, s.now))
	return true
}

// secrets returns the variables from secrets that a service has after a deploy, which keeps them unless told otherwise.
func (s *state) secrets(c command) string {
	if _, clear := c.flags["--clear-secrets"]; clear {
		return ""
	}
	before := s.things[c.key()]
	return cmp(c.flags["--set-secrets"], before[strings.LastIndex(before, "|")+1:])
}

// upload keeps a sample and the time of its upload; the index of an upload is its generation.
func (s *state) upload(sample string) {
	bytes, err := os.ReadFile(sample)
	if err != nil {
		fail(err.Error())
	}
	appendTo(s.file+".uploads", strconv.Itoa(s.now))
	file := fmt.Sprintf("%s.sample-%d", s.file, len(lines(s.file+".uploads")))
	if err := os.WriteFile(file, bytes, 0o600); err != nil {
		fail(err.Error())
	}
}

// each calls f for the resources whose keys begin with prefix, in order.
func (s *state) each(prefix string, f func(rest, mark string)) {
	var keys []string
	for key := range s.things {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		f(strings.TrimPrefix(key, prefix), s.things[key])
	}
}
