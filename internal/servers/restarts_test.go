//go:build integration || nightly

package servers

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"
	"time"
)

// incident ends the server and starts the next one, and returns how many pages had reached the server by then.
type incident func() (sent int)

// manyImages is how many images are read while the server is replaced, and mostSent how many pages may be sent for
// them.
const manyImages, mostSent = 90, 108

// readThrough makes the program read many images during incidents. All are read correctly, and few are sent more than
// once.
func readThrough(t *testing.T, env []string, incidents []incident, sent func() int) {
	t.Helper()
	answers := readModel(t)
	colours := []string{"blue", "magenta", "orange", "azure", "white"} // each is read with one answer
	pages, want := map[string][]byte{}, map[string]string{}
	for i := range manyImages {
		colour := colours[i%len(colours)]
		name := fmt.Sprintf("%02d-%s", i, colour)
		pages[name] = lined(t, colour, 400+i, 500)
		want[name] = strings.TrimSpace(strings.Join(answers[colour].Tokens, ""))
	}
	f := readFolder(t, program(t), append(env, "RETRY_WINDOW=1h"), pages)
	for i, happen := range incidents {
		from := (i + 1) * manyImages / (len(incidents) + 1)
		for f.read() < from {
			select {
			case err := <-f.ended:
				t.Fatalf("it ended after %d pages: %v\n%s", f.read(), err, f.out.String())
			case <-time.After(20 * time.Millisecond):
			}
		}
		t.Logf("%d pages were read of %d sent when the server went", f.read(), happen())
	}
	for name, got := range f.texts(t) {
		if got != want[name] {
			t.Errorf("%s: %s, not %s", name, clip(got), clip(want[name]))
		}
	}
	t.Logf("%d pages sent for %d images", sent(), manyImages)
	if n := sent(); n > mostSent {
		t.Errorf("%d pages sent, at most %d", n, mostSent)
	}
}

// lined returns the file of a page in one of the model's colours with a line on it: a page of one colour would be
// blank.
func lined(tb testing.TB, colour string, width, height int) []byte {
	tb.Helper()
	m, _ := sized(colour, width, height)(tb).(*image.Paletted)
	m.Palette = append(m.Palette, color.Gray{Y: 128})
	for x := range width / 2 {
		m.SetColorIndex(width/4+x, height/2, 1)
	}
	return encode(tb, m)
}
