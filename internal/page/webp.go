package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"slices"

	"golang.org/x/image/webp"

	"github.com/bucketocr/bucketocr/internal/page/planes"
)

// webpPages finds the picture of a WebP.
func webpPages(_ context.Context, o *object, _ int64) ([]entry, error) {
	file := o.file.Bytes()
	still, chunks, err := webpStill(file, webpHead)
	if err != nil {
		return nil, err
	}
	cfg, err := webp.DecodeConfig(bytes.NewReader(still))
	if err != nil {
		return nil, complaint("WebP", err)
	}
	all, _ := webpChunks(file)
	exif, _ := find(all, "EXIF")
	_, animated := find(all, "ANMF")
	_, lossy := find(chunks, "VP8 ")
	_, alpha := find(chunks, "ALPH")
	p := &picture{call: "webp",
		header: header{width: cfg.Width, height: cfg.Height, orientation: exifOrientation(exif), lossy: lossy}}
	if animated {
		p.changes = append(p.changes, "first picture of an animation")
	}
	if alpha || cfg.ColorModel == color.NYCbCrAModel {
		p.changes = append(p.changes, "laid on white")
	}
	p.memory = webpMemory(&p.header, alpha) + o.size // for the copy that webpStill makes
	return []entry{{picture: p}}, nil
}

func decodeWebP(_ context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
	file, _, err := webpStill(file, len(file))
	if err != nil {
		return nil, err
	}
	img, err := webp.Decode(bytes.NewReader(file))
	return fullRange(img), complaint("WebP", err)
}

// fullRange converts a lossy picture, which WebP stores in video range, to full range and lays it on white. It changes
// the planes of img.
func fullRange(img image.Image) image.Image {
	switch m := img.(type) {
	case *image.YCbCr:
		planes.FromVideo(m)
	case *image.NYCbCrA:
		planes.FromVideo(&m.YCbCr)
		planes.OnWhite(&m.YCbCr, m.Rect, false, func(y int) []byte { return m.A[y*m.AStride:][:m.Rect.Dx()] })
		return laid{&m.YCbCr, &image.Alpha{Pix: m.A, Stride: m.AStride, Rect: m.Rect}}
	}
	return img
}

// webpMemory returns the bytes that the decoder needs: planes in whole blocks of 16 pixels, with transparency also the
// alpha picture; or, for lossless files, the picture before and after its last transform and the transforms' own data.
func webpMemory(h *header, alpha bool) int64 {
	blocks := (int64(h.width) + 31) * (int64(h.height) + 31)
	switch {
	case h.lossy && alpha:
		return 2*blocks + 14*h.pixels()
	case h.lossy:
		return 2 * blocks
	}
	return 13*h.pixels() + 1<<20
}

// riffChunk is a chunk of a RIFF file.
type riffChunk struct {
	name string
	body []byte
}

func find(chunks []riffChunk, name string) ([]byte, bool) {
	for _, c := range chunks {
		if c.name == name {
			return c.body, true
		}
	}
	return nil, false
}

// webpMost bounds the chunks that are read: a still has fewer, and an animation's first picture comes earlier.
const webpMost = 64

// webpChunks returns the chunks of the RIFF file at the beginning of b; what follows it does not matter.
func webpChunks(b []byte) ([]riffChunk, error) {
	end := 8 + int64(binary.LittleEndian.Uint32(b[4:]))
	if end > int64(len(b)) {
		return nil, errCut
	}
	return riffChunks(b[12:max(12, end)])
}

// riffChunks returns the chunks in b, those before a broken one if a picture is among them.
func riffChunks(b []byte) (chunks []riffChunk, err error) {
	shows := func(c riffChunk) bool { return c.name == "VP8 " || c.name == "VP8L" || c.name == "ANMF" }
	for len(b) >= 8 && len(chunks) < webpMost {
		name, n := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if n > int64(len(b)) {
			if !slices.ContainsFunc(chunks, shows) {
				err = errCut
			}
			break
		}
		chunks = append(chunks, riffChunk{name, b[:n]})
		b = b[min(n+n&1, int64(len(b))):]
	}
	return chunks, err
}

// frameHead is the bytes before the chunks of an animation frame: place, size, duration, flags.
const frameHead = 16

// webpHead is more than the bytes of a chunk that DecodeConfig reads.
const webpHead = 64

// webpStill returns the file to decode and its chunks. The decoder refuses animations, so their first frame is wrapped
// in a file of its own, with at most the first bytes of each chunk; the canvas around a smaller frame is ignored.
func webpStill(file []byte, most int) (still []byte, chunks []riffChunk, err error) {
	chunks, err = webpChunks(file)
	frame, animated := find(chunks, "ANMF")
	switch {
	case err != nil || !animated:
		return file, chunks, err
	case len(frame) < frameHead:
		return nil, nil, corrupt("damaged WebP: a frame of invalid length", nil)
	}
	if chunks, err = riffChunks(frame[frameHead:]); err != nil {
		return nil, nil, err
	}
	still = []byte("RIFF\x00\x00\x00\x00WEBP")
	if _, alpha := find(chunks, "ALPH"); alpha {
		still = appendChunk(still, "VP8X", append([]byte{0x10, 0, 0, 0}, frame[6:12]...))
	}
	for _, c := range chunks {
		if c.name == "ALPH" || c.name == "VP8 " || c.name == "VP8L" {
			still = appendChunk(still, c.name, c.body[:min(len(c.body), most)])
		}
	}
	binary.LittleEndian.PutUint32(still[4:], uint32(len(still)-8))
	return still, chunks, nil
}

func appendChunk(b []byte, name string, body []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, name...), uint32(len(body)))
	b = append(b, body...)
	return append(b, make([]byte, len(body)&1)...)
}
