package gcptest

import (
	"io"
	"strings"
	"testing"
)

func TestProjects(t *testing.T) {
	a, b := Project(t), Project(t)
	if a == b || !strings.HasPrefix(a, "demo-") || len(a) > 30 {
		t.Errorf("projects %s and %s", a, b)
	}
}

func TestTail(t *testing.T) {
	var out tail
	for range 100 {
		if n, err := io.WriteString(&out, strings.Repeat("x", 99)+"\n"); n != 100 || err != nil {
			t.Fatal(n, err)
		}
	}
	_, _ = io.WriteString(&out, "end")
	if got := out.String(); len(got) != maxTail || !strings.HasSuffix(got, "end") {
		t.Errorf("%d bytes, ending %q", len(got), got[len(got)-5:])
	}
}
