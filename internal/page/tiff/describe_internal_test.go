package tiff

import (
	"encoding/binary"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// TestOnlySupportedSamplesAreLookedAt: a page may declare billions of samples, and a file thousands of such pages, so
// samples beyond those supported are not searched for transparency.
func TestOnlySupportedSamplesAreLookedAt(t *testing.T) {
	for _, at := range []int{mostSamples - 1, mostSamples} {
		extra := make([]uint32, 40)
		extra[at] = 2
		picture := pagetest.Gray(pagetest.Paper(8, 8, 4), 8).With(tagSamples, 4, 1<<31-1)
		file := pagetest.TIFF(binary.LittleEndian, picture.With(tagExtraSamples, 3, extra...))
		l, first, err := readFileHeader(file)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := directory(file, l, first)
		want := 1 + at
		if at == mostSamples {
			want = 0
		}
		if p.alpha != want {
			t.Errorf("transparency of sample %d is taken from sample %d", 1+at, p.alpha)
		}
	}
}
