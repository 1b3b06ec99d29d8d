package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSeen: what was remembered is known after a restart, and a line cut off by a crash is not.
func TestSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seen.log")
	s, err := openSeen(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"7@1", "7@2"} {
		if err := s.remember("a", key); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.file.WriteString("b 7"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = openSeen(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.last("a") != "7@2" || s.last("b") != "" {
		t.Errorf("%v", s.results)
	}
	if err := s.remember("c", "8@1"); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "a 7@1\na 7@2\nc 8@1\n" {
		t.Errorf("%q", b)
	}
}

// TestKey: another version and another try are other results.
func TestKey(t *testing.T) {
	now := time.Now()
	d := Document{Generation: 7, Finished: now}
	for _, other := range []Document{{Generation: 8, Finished: now}, {Generation: 7, Finished: now.Add(time.Second)}} {
		if key(d) == key(other) {
			t.Errorf("%s", key(d))
		}
	}
}
