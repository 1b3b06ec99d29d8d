package worker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"os"
	"testing"
	"testing/iotest"
)

func controlFile(t *testing.T) []byte {
	t.Helper()
	file, err := os.ReadFile("control.png")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func readPadded(t *testing.T, file []byte, size, most int64) []byte {
	t.Helper()
	img := padPNGBy(file, size, most)
	r, err := img.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(got)) != img.Size {
		t.Errorf("size %d: the image says %d bytes and has %d", size, img.Size, len(got))
	}
	return got
}

// TestPaddedPageHasTheSizeAndThePicture: whatever the size, whole chunks with valid checksums, and the same pixels.
func TestPaddedPageHasTheSizeAndThePicture(t *testing.T) {
	t.Parallel()
	file := controlFile(t)
	want, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	n := int64(len(file))
	type sizes struct{ asked, want, most int64 }
	cases := []sizes{
		{0, n, maxPadding}, {n - 1, n, maxPadding}, {n, n, maxPadding},
		{n + 1, n + 12, maxPadding}, {n + 11, n + 12, maxPadding}, {n + 12, n + 12, maxPadding},
		{n + 13, n + 13, maxPadding},
		{1 << 20, 1 << 20, maxPadding}, {24 << 20, 24 << 20, maxPadding},
	}
	for extra := int64(12); extra < 150; extra++ { // several chunks, and every remainder
		cases = append(cases, sizes{n + extra, n + extra, 20})
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d by %d", c.asked, c.most), func(t *testing.T) {
			got := readPadded(t, file, c.asked, c.most)
			if int64(len(got)) != c.want {
				t.Errorf("%d bytes, want %d", len(got), c.want)
			}
			checkChunks(t, got, c.most)
			img, err := png.Decode(bytes.NewReader(got))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(img.(*image.Gray).Pix, want.(*image.Gray).Pix) {
				t.Error("it shows something else")
			}
		})
	}
}

// checkChunks checks the file's chunks by the format's specification.
func checkChunks(t *testing.T, file []byte, most int64) {
	t.Helper()
	at := file[8:]
	for tag := ""; tag != "IEND"; {
		if len(at) < chunkFrame {
			t.Fatalf("%d bytes are left before the end of the picture", len(at))
		}
		n := int64(binary.BigEndian.Uint32(at))
		tag = string(at[4:8])
		if tag == paddingTag && n > most {
			t.Errorf("a chunk of %d bytes", n)
		}
		const lower = 'a' - 'A' // the bit that tells decoders what to do with a chunk they do not know
		if critical := tag[0]&lower == 0; critical && tag != "IHDR" && tag != "IDAT" && tag != "IEND" ||
			tag[2]&lower != 0 {
			t.Errorf("a decoder may refuse a chunk %s", tag)
		}
		if sum := crc32.ChecksumIEEE(at[4 : 8+n]); sum != binary.BigEndian.Uint32(at[8+n:]) {
			t.Errorf("%s: wrong checksum", tag)
		}
		at = at[chunkFrame+n:]
	}
	if len(at) > 0 {
		t.Errorf("%d bytes after the end", len(at))
	}
}

// TestPaddedPageIsAnOrdinaryReader: read in any portions, opened again, by several at once.
func TestPaddedPageIsAnOrdinaryReader(t *testing.T) {
	t.Parallel()
	file := controlFile(t)
	img := padPNGBy(file, 5000, 700)
	first := readPadded(t, file, 5000, 700)
	for range 2 {
		r, err := img.Open()
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, first); err != nil {
			t.Error(err)
		}
	}
}

// TestPaddingHoldsNothingInMemory: many gigabytes need no more memory than a few bytes.
func TestPaddingHoldsNothingInMemory(t *testing.T) {
	file := controlFile(t)
	small := testing.AllocsPerRun(5, func() { readSome(t, file, 1<<20) })
	large := testing.AllocsPerRun(5, func() { readSome(t, file, 3<<30) })
	if large > small+30 {
		t.Errorf("%v allocations for 3 GiB, %v for 1 MiB", large, small)
	}
	if img := padPNG(file, 5<<30); img.Size != 5<<30 {
		t.Errorf("%d bytes", img.Size)
	}
}

// readSome opens a padded page and reads its first 64 KiB.
func readSome(t *testing.T, file []byte, size int64) {
	r, err := padPNG(file, size).Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, 64<<10); err != nil {
		t.Fatal(err)
	}
}
