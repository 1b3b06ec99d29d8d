package page

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
)

// sniffLen is how many bytes are looked at to tell the format; only SVG needs more than 32.
const sniffLen = 512

const supported = "supported are PNG and JPEG"

const (
	pngMagic  = "\x89PNG\r\n\x1a\n"
	jpegMagic = "\xff\xd8\xff"
)

// readHeader reads the picture's header from the beginning of s, as far as its first compressed byte.
func readHeader(s *stream) (*header, error) {
	front := s.peek(sniffLen)
	if err := s.failure(); err != nil && len(front) < sniffLen {
		return nil, err
	}
	switch name := sniff(front); {
	case len(front) == 0:
		return nil, &Error{Kind: Empty, Msg: "the object is empty"}
	case name == "PNG":
		return readPNG(s)
	case name == "JPEG":
		return readJPEG(s)
	case isCutMagic(front):
		return nil, corrupt("the file is cut off", io.ErrUnexpectedEOF)
	case name != "":
		return nil, unsupported(name + " is not supported; " + supported)
	default:
		return nil, unsupported("unknown type of file; " + supported)
	}
}

// sniff names the format that a file's first bytes belong to, "" if none that is known.
func sniff(b []byte) string {
	for _, m := range []struct{ name, magic string }{
		{"PNG", pngMagic}, {"JPEG", jpegMagic}, {"GIF", "GIF87a"}, {"GIF", "GIF89a"}, {"PDF", "%PDF-"},
		{"TIFF", "II*\x00"}, {"TIFF", "MM\x00*"}, {"BigTIFF", "II+\x00"}, {"BigTIFF", "MM\x00+"},
	} {
		if bytes.HasPrefix(b, []byte(m.magic)) {
			return m.name
		}
	}
	switch {
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "WebP"
	case len(b) >= 12 && string(b[4:8]) == "ftyp":
		return sniffBrand(string(b[8:12]))
	case isBMP(b):
		return "BMP"
	case isSVG(b):
		return "SVG"
	}
	return ""
}

func sniffBrand(brand string) string {
	switch brand {
	case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
		return "HEIC"
	case "avif", "avis":
		return "AVIF"
	}
	return ""
}

// isBMP also looks at the size of the second header, because two letters are no proof.
func isBMP(b []byte) bool {
	sizes := []uint32{12, 16, 40, 52, 56, 64, 108, 124}
	return len(b) >= 18 && b[0] == 'B' && b[1] == 'M' && slices.Contains(sizes, binary.LittleEndian.Uint32(b[14:]))
}

func isSVG(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	return bytes.HasPrefix(b, []byte("<svg")) || bytes.HasPrefix(b, []byte("<?xml"))
}

// isCutMagic reports whether a whole file is no more than the beginning of a supported format's first bytes.
func isCutMagic(b []byte) bool {
	return bytes.HasPrefix([]byte(pngMagic), b) || bytes.HasPrefix([]byte(jpegMagic), b)
}
