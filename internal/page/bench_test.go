package page

import (
	"context"
	"encoding/binary"
	"image"
	"io"
	"slices"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

func benchPage(b *testing.B, data []byte, edge int) {
	b.Helper()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	src := newObject(data).source()
	for b.Loop() {
		ps, err := Split(context.Background(), src, wide(edge))
		if err != nil {
			b.Fatal(err)
		}
		for n := range ps.Len() {
			readPage(b, ps, n+1)
		}
		_ = ps.Close()
	}
}

// readPage makes page n and reads its bytes.
func readPage(b *testing.B, ps *Pages, n int) {
	b.Helper()
	pg, _, err := ps.Page(context.Background(), n)
	if err != nil {
		b.Fatal(err)
	}
	r, err := pg.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkPhoto12MP(b *testing.B) {
	benchPage(b, pagetest.WithJPEGSegments(pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(4032, 3024, 46))),
		pagetest.ExifSegment(6)), 1540)
}

func BenchmarkGrayPNG300DPI(b *testing.B) {
	benchPage(b, pagetest.EncodePNG(pagetest.Scanned(pagetest.Paper(2480, 3508, 46), 2)), 1540)
}

func BenchmarkGrayJPEG300DPI(b *testing.B) {
	benchPage(b, pagetest.EncodeJPEG(pagetest.Scanned(pagetest.Paper(2480, 3508, 46), 2)), 1540)
}

func BenchmarkBilevelPNG300DPI(b *testing.B) {
	text := pagetest.Paper(2480, 3508, 46)
	for i, v := range text.Pix {
		text.Pix[i] = -(v >> 7)
	}
	benchPage(b, pagetest.EncodePNG(text), 1540)
}

// BenchmarkTIFF10Pages makes the pages of a file that is sent to the Decoder only once.
func BenchmarkTIFF10Pages(b *testing.B) {
	page := pagetest.Bilevel(pagetest.Scanned(pagetest.Paper(2480, 3508, 46), 2))
	benchPage(b, pagetest.TIFF(binary.LittleEndian, slices.Repeat([]pagetest.Picture{page}, 10)...), 1540)
}

// BenchmarkProgressive12MP makes a page with as many scans as cameras write.
func BenchmarkProgressive12MP(b *testing.B) { benchPage(b, pagetest.EndlessJPEG(3500, 10), 1540) }

func BenchmarkPassThrough(b *testing.B) {
	benchPage(b, pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(1155, 1540, 18))), 1540)
}

func BenchmarkShrinkYCbCr12MP(b *testing.B) {
	m := image.NewYCbCr(image.Rect(0, 0, 4032, 3024), image.YCbCrSubsampleRatio420)
	b.ReportAllocs()
	for b.Loop() {
		render(m, 1540, 1155, 6)
	}
}

// BenchmarkLook measures finding the print of a page that is full of it, the worst case. Every decoded page costs that.
func BenchmarkLook(b *testing.B) {
	text := pagetest.Paper(1089, 1540, 18)
	for name, m := range map[string]image.Image{"gray": pagetest.Scanned(text, 2), "colour": pagetest.Photo(text)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				measure(m)
			}
		})
	}
}

func BenchmarkHeader(b *testing.B) {
	data := testFile(b, "video-001.progressive.jpeg")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := headerOf(b, data); err != nil {
			b.Fatal(err)
		}
	}
}
