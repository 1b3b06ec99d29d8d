package main

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
)

// notes is a handler that writes down what it receives.
type notes []string

func (n *notes) Done(_ context.Context, id string, _ Document, text string) error {
	*n = append(*n, "done "+id+" "+text)
	return nil
}

func (n *notes) Failed(_ context.Context, id string, _ Document) error {
	*n = append(*n, "failed "+id)
	return nil
}

func (n *notes) Gone(_ context.Context, id string) error {
	*n = append(*n, "gone "+id)
	return nil
}

// TestOlderStateIsDropped: a state that one query sends after the other has sent a newer one of the same document is
// not delivered, so that an erased text does not come back and a new one does not vanish.
func TestOlderStateIsDropped(t *testing.T) {
	began := time.Now()
	at := func(n int, status, text string) Document {
		d := Document{Generation: 7, Status: status, Text: text, Updated: began.Add(time.Duration(n) * time.Second)}
		if status != "deleted" {
			d.Finished = d.Updated
		}
		return d
	}
	for name, c := range map[string]struct {
		states []Document // in the order of their arrival
		want   []string
	}{
		"in order": {[]Document{at(1, "done", "one"), at(2, "deleted", ""), at(3, "done", "two")},
			[]string{"done a one", "gone a", "done a two"}},
		"erased before it was delivered": {[]Document{at(2, "deleted", ""), at(1, "done", "one")}, nil},
		"read again and erased": {[]Document{at(1, "done", "one"), at(3, "deleted", ""), at(2, "done", "two")},
			[]string{"done a one", "gone a"}},
		"retried in vain and erased": {[]Document{at(1, "failed", ""), at(3, "deleted", ""), at(2, "failed", "")},
			[]string{"failed a", "gone a"}},
		"erased and uploaded again": {[]Document{at(1, "done", "one"), at(3, "done", "two"), at(2, "deleted", "")},
			[]string{"done a one", "done a two"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := openSeen(filepath.Join(t.TempDir(), "seen.log"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var got notes
			l := &listener{seen: s, handler: &got, newest: map[string]time.Time{}}
			for _, d := range c.states {
				if err := l.handle(t.Context(), &firestore.DocumentRef{ID: "a"}, d); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("delivered %q, want %q", got, c.want)
			}
		})
	}
}
