package ocr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// maxBody is Cloud Run's limit for an HTTP/1 request body, in bytes; a bigger one is refused unread. Source: Cloud Run
// quotas. It leaves room for an image of about 24 MiB.
const maxBody = 32 << 20

// maxPixels is where the server's image library (Pillow, twice its warning level) stops to read and vLLM answers 500, which nobody
// can tell from a failing GPU. So it is refused here.
const maxPixels = 178_956_970

// Image is one page, PNG or JPEG, right side up. It is read as a stream and never held whole.
type Image struct {
	// Size is the number of bytes that the reader will give, exactly. A reader that gives another number fails the call.
	Size int64
	// Open gives the image from its first byte. It is called once per try, by the goroutine that called ExtractText, which also
	// takes the first block; the rest is read by another one, up to io.EOF, and the reader closed. Its own error comes back through [Error.Unwrap], also
	// one that is found only at the end, such as a checksum's; an answer that is already there is then thrown away. When the
	// context or a time-out ends the call, a Read may still be under way; its reader is closed once that returns.
	Open func() (io.ReadCloser, error)
}

// Bytes is an Image in memory. The slice must not change while a call uses it.
func Bytes(b []byte) Image {
	return Image{Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// imageProblem is a refusal by this package's own look at the first bytes.
func imageProblem(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Phase: PhaseImage, Message: fmt.Sprintf(format, args...)}
}

// mediaType names the type by magic bytes; nothing is called JPEG by default. Other formats are refused although vLLM would take
// some: llama-server and Ollama would not, and of a TIFF or GIF only the first page would be read, without a word.
func mediaType(head []byte) (string, *Error) {
	switch {
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png", checkPixels(pngSize(head))
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "image/jpeg", checkPixels(jpegSize(head))
	}
	return "", imageProblem(KindBadImage, "the image is neither PNG nor JPEG")
}

func checkPixels(width, height int64) *Error {
	if width*height > maxPixels {
		return imageProblem(KindTooLarge, "%d×%d pixels are more than the %d that the server reads", width, height, maxPixels)
	}
	return nil
}

// pngSize reads the header chunk, which always comes first; 0, 0 if it is cut off.
func pngSize(head []byte) (width, height int64) {
	if len(head) < 24 {
		return 0, 0
	}
	return int64(binary.BigEndian.Uint32(head[16:])), int64(binary.BigEndian.Uint32(head[20:]))
}

// jpegSize walks the segments up to the frame header; 0, 0 if that lies beyond head, as behind a large colour profile or preview.
func jpegSize(head []byte) (width, height int64) {
	for at := 2; at+9 <= len(head) && head[at] == 0xff; {
		marker := head[at+1]
		switch {
		case marker == 0xff: // fill byte
			at++
			continue
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			return int64(binary.BigEndian.Uint16(head[at+7:])), int64(binary.BigEndian.Uint16(head[at+5:]))
		}
		at += 2 + int(binary.BigEndian.Uint16(head[at+2:]))
	}
	return 0, 0
}
