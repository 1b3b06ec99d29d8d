package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/bucketocr/bucketocr/internal/page/bmp"
	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
	"github.com/bucketocr/bucketocr/internal/page/pdf"
)

// format is a file format: how it is recognized, and how its pages are found. A format with neither read nor pages is
// recognized only so that an error can name it.
type format struct {
	name  string
	types map[string][]string     // its media types, with the file extensions of each
	magic []string                // its files begin with one of these
	match func(front []byte) bool // used instead of magic, where that is not enough

	plain bool // can be sent to the model as it is
	drawn bool // its pages have no size in pixels: their longest side is drawn as Limits.Edge

	// read reads the header of a file with a single picture.
	read func(s *stream) (*picture, error)
	// pages lists the pages of an object that is in memory; the Decoder's engine, if there is one, may use room bytes.
	pages   func(ctx context.Context, o *object, room int64) ([]entry, error)
	engine  string
	rooms   []int64 // bytes that the engine may use in addition to the object, tried in turn; nil: none
	missing bool    // the program was built without its engine
}

// formats lists the known formats, in the order in which they are tried and named. Package event lists the media types
// and extensions that are admitted, and package folder those that uploads declare; a test compares the lists.
var formats = [...]format{
	{name: "a PNG in Apple's private variant (CgBI)", match: isCgBI},
	{name: "PNG", types: map[string][]string{"image/png": {".png"}}, magic: []string{pngMagic}, plain: true,
		read: readPNG},
	{name: "JPEG", types: map[string][]string{"image/jpeg": {".jpg", ".jpeg", ".jpe", ".jfif"}},
		magic: []string{"\xff\xd8\xff"}, match: isJPEG,
		plain: true, read: readJPEG},
	{name: "GIF", types: map[string][]string{"image/gif": {".gif"}}, magic: []string{"GIF87a", "GIF89a"},
		read: readGIF},
	{name: "BMP", types: map[string][]string{"image/bmp": {".bmp", ".dib"}}, match: bmp.Is, read: readBMP},
	{name: "WebP", types: map[string][]string{"image/webp": {".webp"}}, match: isWebP, pages: webpPages},
	{name: "TIFF", types: map[string][]string{"image/tiff": {".tif", ".tiff"}},
		magic: []string{"II*\x00", "MM\x00*", "II+\x00", "MM\x00+"},
		pages: tiffPages},
	{name: "AVIF", types: map[string][]string{"image/avif": {".avif"}}, match: isAVIF, pages: heifPages},
	{name: "HEIC", types: map[string][]string{"image/heic": {".heic"}, "image/heif": {".heif"}}, match: isHEIC,
		pages: heifPages, missing: heif.HEIC() == nil},
	{name: "PDF", types: map[string][]string{"application/pdf": {".pdf"}}, magic: []string{"%PDF-"}, match: pdf.Is,
		drawn: true, pages: pdfPages, engine: pdfEngine, rooms: pdfRooms},
	{name: "JPEG 2000", types: map[string][]string{"image/jp2": {".jp2"}, "image/jpx": {".jpx", ".jpf"},
		"image/j2c": {".j2k", ".j2c", ".jpc"}},
		match: isJPX, pages: jpxPages, engine: pdfEngine},
	{name: "SVG", match: isSVG},
}

func (f format) supported() bool { return (f.read != nil || f.pages != nil) && !f.missing }

func (f format) is(front []byte) bool {
	if f.match != nil {
		return f.match(front)
	}
	return slices.ContainsFunc(f.magic, func(magic string) bool { return bytes.HasPrefix(front, []byte(magic)) })
}

// sniffLen is the number of bytes used to recognize the format; only PDF and SVG need more than 32.
const sniffLen = pdf.Front

// identify returns the format of a file by its first bytes, or an error if it is not supported. It only peeks.
func identify(s *stream) (*format, error) {
	front, err := s.front(sniffLen)
	if err != nil {
		return nil, err
	}
	f := sniff(front)
	switch {
	case len(front) == 0:
		return nil, &Error{Kind: Empty, Msg: "the object is empty"}
	case f != nil && f.supported():
		return f, nil
	case isCutMagic(front):
		return nil, errCut
	case f != nil:
		return nil, unsupported(f.name + " is not supported; " + supportedFormats())
	}
	what, known := named(front)
	if !known {
		return nil, unsupported("unknown file type; " + supportedFormats())
	}
	return nil, unsupported(what + " is not supported; " + supportedFormats())
}

// sniff returns the format of a file by its first bytes, nil if it is unknown.
func sniff(front []byte) *format {
	if i := slices.IndexFunc(formats[:], func(f format) bool { return f.is(front) }); i >= 0 {
		return &formats[i]
	}
	return nil
}

// supportedFormats names the supported formats for an error message.
func supportedFormats() string {
	var names []string
	for _, f := range formats {
		if f.supported() {
			names = append(names, f.name)
		}
	}
	last := len(names) - 1
	return "supported formats are " + strings.Join(names[:last], ", ") + " and " + names[last]
}

// isCutMagic reports whether a whole file is just the beginning of a supported format's magic.
func isCutMagic(b []byte) bool {
	begins := func(magic string) bool { return strings.HasPrefix(magic, string(b)) }
	return slices.ContainsFunc(formats[:], func(f format) bool {
		return f.supported() && slices.ContainsFunc(f.magic, begins)
	})
}

// isCgBI reports whether the first chunk of a PNG is CgBI.
func isCgBI(b []byte) bool {
	return bytes.HasPrefix(b, []byte(pngMagic)) && len(b) >= 16 && string(b[12:16]) == "CgBI"
}

// isJPEG reports whether b begins like a JPEG. Stray bytes may follow the first marker.
func isJPEG(b []byte) bool {
	if !bytes.HasPrefix(b, []byte("\xff\xd8")) {
		return false
	}
	for i := 2; i+1 < len(b); i++ {
		if b[i] == 0xff && b[i+1] >= jpegfile.SOF0 && b[i+1] != 0xff {
			return true
		}
	}
	return bytes.HasPrefix(b, []byte("\xff\xd8\xff"))
}

func isWebP(b []byte) bool {
	return len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP"
}

func isAVIF(b []byte) bool { return brand(b) == "avif" }

func isHEIC(b []byte) bool { return brand(b) == "heic" }

// brand returns "avif" or "heic" by the first of a file's brands that tells the coding of its pictures. If none does,
// it returns "heic" for any file of pictures, and "" for other files.
func brand(b []byte) (found string) {
	if len(b) < 12 || string(b[4:8]) != "ftyp" {
		return ""
	}
	b = b[:min(int64(len(b)), int64(binary.BigEndian.Uint32(b)))]
	for at := 8; at+4 <= len(b); at += 4 {
		switch string(b[at : at+4]) {
		case "avif", "avis":
			return "avif"
		case "heic", "heix", "heim", "heis", "hevc", "hevx":
			return "heic"
		case "mif1", "msf1", "mif2", "mif3", "miaf", "avci", "avcs", "vvic", "vvis", "j2ki", "j2is", "jpeg", "jpgs",
			"evbi", "evbs":
			found = "heic"
		}
	}
	return found
}

func isSVG(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	return bytes.HasPrefix(b, []byte("<svg")) || bytes.HasPrefix(b, []byte("<?xml")) &&
		bytes.Contains(b, []byte("<svg"))
}
