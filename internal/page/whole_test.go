package page

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// TestCutOffPNG: of a PNG that passes and ends in the middle of its pixels the end is not given, with whatever size of reads;
// one that lacks less may be whole, and passes.
func TestCutOffPNG(t *testing.T) {
	whole := testFile(t, "basn3p08.png")
	pixels := bytes.Index(whole, []byte("IDAT")) + 4
	end := bytes.Index(whole, []byte("IEND")) - 8 // of the pixels
	for n := pixels; n <= len(whole); n++ {
		for _, step := range []int{0, 1, 7} {
			o := newObject(whole[:n])
			o.step = step
			pg, b, err := only(t, o, wide(1540))
			if cut := n < end; cut != (kindOf(err) == Corrupt) || !cut && (err != nil || !bytes.Equal(b, whole[:n]) || pg.How != "passed through") {
				t.Fatalf("%d bytes of %d, %d a read: %v", n, len(whole), step, err)
			}
			if cut := n < end; cut && len(b) >= n {
				t.Fatalf("%d bytes of %d, %d a read: all of them were given", n, len(whole), step)
			}
		}
		o := newObject(whole[:n])
		o.size = -1
		if _, _, err := only(t, o, wide(1540)); (n < end) != (kindOf(err) == Corrupt) {
			t.Fatalf("%d bytes of %d, of unknown size: %v", n, len(whole), err)
		}
	}
}

// TestCutOffIsTheSourcesFaultFirst: what the source says of itself goes before.
func TestCutOffIsTheSourcesFaultFirst(t *testing.T) {
	o := newObject(testFile(t, "basn3p08.png")[:1000])
	o.fail, o.failAt = io.ErrClosedPipe, 1000
	if _, _, err := only(t, o, wide(1540)); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}
