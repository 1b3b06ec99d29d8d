package worker

import (
	"errors"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// TestSlowDecoderIsASuspect: unlike what no machine could decode.
func TestSlowDecoderIsASuspect(t *testing.T) {
	for kind, want := range map[page.Kind]document.Class{
		page.TooSlow: document.ClassSuspect, page.TooLarge: document.ClassFinal, page.Corrupt: document.ClassFinal,
	} {
		if f := faultOf(t.Context(), &page.Error{Kind: kind}); f.Class != want || f.Code == "" {
			t.Errorf("%s: %s %s, want %s", kind, f.Code, f.Class, want)
		}
	}
}

func TestSentinelsAreDistinct(t *testing.T) {
	for i, s := range sentinels {
		for _, u := range sentinels[i+1:] {
			if errors.Is(s.err, u.err) || errors.Is(u.err, s.err) {
				t.Errorf("%v and %v cannot be told apart", s.err, u.err)
			}
		}
	}
}
