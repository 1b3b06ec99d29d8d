package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"io"

	"golang.org/x/image/webp"
)

// webpPicture is the picture of a WebP. The decoder refuses animations, so their first picture is shown to it as a file of its
// own; the canvas around it, where it is larger, is empty.
type webpPicture struct {
	header
	animated bool
}

// webpPages finds the picture of a WebP.
func webpPages(_ context.Context, in input, _ Limits) ([]entry, error) {
	chunks, err := webpChunks(in.data)
	if err != nil {
		return nil, err
	}
	p := &webpPicture{header: header{orientation: exifOrientation(webpExif(chunks))}}
	var frame []byte
	if frame, p.animated = find(chunks, "ANMF"); p.animated {
		p.changes = append(p.changes, "first picture of an animation")
		if chunks, err = frameChunks(frame); err != nil {
			return nil, err
		}
	}
	cfg, err := webp.DecodeConfig(p.still(in.data))
	if err != nil {
		return nil, complaint("WebP", err)
	}
	_, p.lossy = find(chunks, "VP8 ")
	_, alpha := find(chunks, "ALPH")
	p.width, p.height = cfg.Width, cfg.Height
	if alpha || cfg.ColorModel == color.NYCbCrAModel {
		p.changes = append(p.changes, "laid on white")
	}
	p.memory = p.decoderMemory(alpha) + int64(len(in.data)) // the file of its own
	return []entry{{picture: p}}, nil
}

func (p *webpPicture) decode(_ context.Context, in input) (image.Image, error) {
	return webp.Decode(p.still(in.data))
}

// still returns the file that the decoder is shown.
func (p *webpPicture) still(file []byte) io.Reader {
	if p.animated {
		file = firstFrame(file)
	}
	return bytes.NewReader(file)
}

// decoderMemory is what the decoder needs: planes in whole blocks of 16 pixels, with transparency a picture of it, or, without
// loss, the picture before and after its last transform and what those need themselves.
func (p *webpPicture) decoderMemory(alpha bool) int64 {
	blocks := (int64(p.width) + 31) * (int64(p.height) + 31)
	switch {
	case p.lossy && alpha:
		return 2*blocks + 14*p.pixels()
	case p.lossy:
		return 2 * blocks
	}
	return 13*p.pixels() + 1<<20
}

// riffChunk is a part of a RIFF file.
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

// webpExif returns the Exif block without the mark that some writers put before it.
func webpExif(chunks []riffChunk) []byte {
	b, _ := find(chunks, "EXIF")
	return bytes.TrimPrefix(b, []byte("Exif\x00\x00"))
}

// webpMost is more chunks than a still has, and the first picture of an animation is among the first.
const webpMost = 64

func webpChunks(b []byte) ([]riffChunk, error) {
	if n := int64(binary.LittleEndian.Uint32(b[4:])); n+8 > int64(len(b)) {
		return nil, corrupt("the file is cut off", io.ErrUnexpectedEOF)
	}
	return riffChunks(b[12:])
}

func riffChunks(b []byte) (chunks []riffChunk, err error) {
	for len(b) >= 8 && len(chunks) < webpMost {
		name, n := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if n > int64(len(b)) {
			return chunks, corrupt("the file is cut off", io.ErrUnexpectedEOF)
		}
		chunks = append(chunks, riffChunk{name, b[:n]})
		b = b[min(n+n&1, int64(len(b))):]
	}
	return chunks, nil
}

// frameHead is the bytes before the chunks of an animation's picture: place, size, time, flags.
const frameHead = 16

func frameChunks(frame []byte) ([]riffChunk, error) {
	if len(frame) < frameHead {
		return nil, corrupt("broken WebP: a picture of a wrong length", nil)
	}
	return riffChunks(frame[frameHead:])
}

// firstFrame makes a file of an animation's first picture. webpPages has seen that there is one.
func firstFrame(b []byte) []byte {
	chunks, _ := webpChunks(b)
	frame, _ := find(chunks, "ANMF")
	chunks, _ = frameChunks(frame)
	var body []byte
	if _, alpha := find(chunks, "ALPH"); alpha {
		body = appendChunk(body, "VP8X", append([]byte{0x10, 0, 0, 0}, frame[6:12]...))
	}
	for _, c := range chunks {
		if c.name == "ALPH" || c.name == "VP8 " || c.name == "VP8L" {
			body = appendChunk(body, c.name, c.body)
		}
	}
	file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4))
	return append(append(file, "WEBP"...), body...)
}

func appendChunk(b []byte, name string, body []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, name...), uint32(len(body)))
	b = append(b, body...)
	return append(b, make([]byte, len(body)&1)...)
}
