package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strings"
)

// sniffLen is how many bytes are looked at to tell the format; only SVG needs more than 32.
const sniffLen = 512

// supported says what is.
func supported() string {
	names := []string{"PNG", "JPEG", "GIF", "BMP", "WebP", "TIFF", "AVIF"}
	if holders["HEIC"] != nil {
		names = append(names, "HEIC")
	}
	return "supported are " + strings.Join(names, ", ") + " and PDF"
}

const (
	pngMagic  = "\x89PNG\r\n\x1a\n"
	jpegMagic = "\xff\xd8\xff"
)

// identify names the format of a file from its first bytes, if it is one that is read here. It only peeks.
func identify(s *stream) (string, error) {
	front := s.peek(sniffLen)
	if err := s.failure(); err != nil && len(front) < sniffLen {
		return "", err
	}
	name := sniff(front)
	switch {
	case len(front) == 0:
		return "", &Error{Kind: Empty, Msg: "the object is empty"}
	case streams[name] != nil || holders[name] != nil:
		return name, nil
	case isCutMagic(front):
		return "", corrupt("the file is cut off", io.ErrUnexpectedEOF)
	case name != "":
		return "", unsupported(name + " is not supported; " + supported())
	}
	return "", unsupported("unknown type of file; " + supported())
}

// streams read the header of a format whose decoder reads from front to back.
var streams = map[string]func(*stream) (*header, error){"PNG": readPNG, "JPEG": readJPEG, "GIF": readGIF, "BMP": readBMP}

// holders list the pages of a format that is read in no order, and so is held in memory meanwhile.
var holders = map[string]*holder{
	"AVIF": heifHolder("AVIF", "avif"),
	"HEIC": heifHolder("HEIC", "heic"),
	"PDF":  {engine: "pdf", rooms: engineRooms, list: openPDF},
	"TIFF": {rooms: []int64{0}, list: func(_ context.Context, b []byte, lim Limits, _ int64) ([]leaf, error) { return openTIFF(b, lim) }},
	"WebP": {rooms: []int64{0}, list: func(_ context.Context, b []byte, lim Limits, _ int64) ([]leaf, error) { return alone(openWebP(b))(lim) }},
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
		return sniffBrand(b)
	case isBMP(b):
		return "BMP"
	case isSVG(b):
		return "SVG"
	}
	return ""
}

// sniffBrand tells AVIF from HEIC by the brands of a file's first box: its own, and where that is a general one those that
// it goes with.
func sniffBrand(b []byte) string {
	b = b[:min(int64(len(b)), int64(binary.BigEndian.Uint32(b)))]
	for at := 8; at+4 <= len(b); at += 4 {
		switch string(b[at : at+4]) {
		case "avif", "avis":
			return "AVIF"
		case "heic", "heix", "heim", "heis", "hevc", "hevx":
			return "HEIC"
		case "mif1", "msf1", "mif2", "miaf", "\x00\x00\x00\x00":
			continue
		}
		if at == 8 {
			return ""
		}
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
	for _, magic := range []string{pngMagic, jpegMagic, "GIF87a", "GIF89a", "II*\x00", "MM\x00*", "%PDF-"} {
		if bytes.HasPrefix([]byte(magic), b) {
			return true
		}
	}
	return false
}
