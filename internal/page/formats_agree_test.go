package page_test

import (
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/local/folder"
	"github.com/bucketocr/bucketocr/internal/page"
)

// lets reports whether the filter admits an object of this name and declared type.
func lets(name, mediaType string) bool {
	var ev document.Event
	ev.Name, ev.ContentType = name, mediaType
	_, skip := event.Filter{}.Skip(ev)
	return !skip
}

// TestEventFilterKnowsTheFormats: package event must not import this one, so it lists extensions and media types again.
func TestEventFilterKnowsTheFormats(t *testing.T) {
	t.Parallel()
	byExtension, mediaTypes := page.Supported()
	for _, m := range mediaTypes {
		if !lets("scan", m) {
			t.Errorf("media type %s is filtered out", m)
		}
	}
	for _, e := range extensions() {
		if _, supported := byExtension[e]; lets("scan"+e, "text/plain") != supported {
			t.Errorf("extension %s: the filter lets it in: %v, it is supported: %v", e, !supported, supported)
		}
	}
	for e := range byExtension {
		if !lets("SCAN"+strings.ToUpper(e), "text/plain") {
			t.Errorf("extension %s is filtered out in capitals", e)
		}
	}
}

// extensions returns all extensions of two to four letters.
func extensions() (all []string) {
	last := []string{"."}
	for n := range 4 {
		var next []string
		for _, e := range last {
			for c := 'a'; c <= 'z'; c++ {
				next = append(next, e+string(c))
			}
		}
		if last = next; n > 0 {
			all = append(all, next...)
		}
	}
	return all
}

// TestLocalUploadsDeclareTheFormats: package folder declares the media type of each extension.
func TestLocalUploadsDeclareTheFormats(t *testing.T) {
	t.Parallel()
	byExtension, _ := page.Supported()
	for e, want := range byExtension {
		if got := folder.ContentType("scan" + e); got != want {
			t.Errorf("%s is declared as %s, want %s", e, got, want)
		}
	}
}
