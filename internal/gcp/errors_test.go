package gcp

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestCause(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"one line": "one line", "  first\nsecond": "first", "bad \xff": "bad \ufffd",
		strings.Repeat("x", 199) + "ü": strings.Repeat("x", 199),
	} {
		if got := Cause(errors.New(text)); got != want {
			t.Errorf("cause(%q) = %q, want %q", text, got, want)
		}
	}
	long := &url.Error{Op: "Get", URL: "http://host/o/name", Err: errors.New("refused")}
	if got := Cause(fmt.Errorf("call: %w", long)); got != "refused" {
		t.Errorf("cause = %q, want it without the URL", got)
	}
}
