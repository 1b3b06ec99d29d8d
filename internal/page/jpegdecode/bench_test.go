package jpegdecode

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// nowhere is a sink that discards everything.
type nowhere struct{ by int }

func (s nowhere) Begin(p Picture) []int {
	by := make([]int, len(p.Channels))
	for i := range by {
		by[i] = s.by
	}
	return by
}
func (nowhere) Strip([]Samples) {}

// BenchmarkDecode decodes a 12-megapixel photo and a gray A4 scan at 300 DPI with each reduction.
func BenchmarkDecode(b *testing.B) {
	for name, data := range map[string][]byte{
		"photo": pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(4032, 3024, 46))),
		"scan":  pagetest.EncodeJPEG(pagetest.Scanned(pagetest.Paper(2480, 3508, 46), 2))} {
		for _, by := range []int{1, 2, 4, 8} {
			b.Run(fmt.Sprintf("%s by %d", name, by), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := Decode(context.Background(), bytes.NewReader(data), nowhere{by}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
