// Package tiff finds the pages of a TIFF file and decodes them. The samples are decoded by golang.org/x/image/tiff and, in
// JPEG, by image/jpeg; what the former does not know it is shown as something that it does: each page as the only one of its
// file, CMYK as RGB with alpha. Nothing here keeps state, and all may be called concurrently.
package tiff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Tags that matter here.
const (
	tagSubfile, tagWidth, tagHeight, tagBits       = 254, 256, 257, 258
	tagCompression, tagPhotometric, tagFillOrder   = 259, 262, 266
	tagStripOffsets, tagOrientation, tagSamples    = 273, 274, 277
	tagRowsPerStrip, tagStripCounts, tagPlanar     = 278, 279, 284
	tagT4, tagT6, tagPredictor, tagColorMap        = 292, 293, 317, 320
	tagTileWidth, tagTileHeight                    = 322, 323
	tagTileOffsets, tagTileCounts                  = 324, 325
	tagExtraSamples, tagSampleFormat, tagJPEGTable = 338, 339, 347
)

// useful are the tags that are kept: passed to the decoder (see alone), or read here.
var useful = append([]uint16{tagSubfile, tagOrientation, tagSamples, tagPlanar, tagSampleFormat, tagJPEGTable}, passed...)

// Photometric interpretations.
const (
	whiteIsZero, blackIsZero, rgb, palette = 0, 1, 2, 3
	cmyk, ycbcr                            = 5, 6
)

const jpegCompression = 7

// ErrTooMany says that a file has more pages than the caller allows.
var ErrTooMany = errors.New("tiff: too many pages")

// FormatError is what is wrong with a broken file.
type FormatError string

func (e FormatError) Error() string { return "tiff: " + string(e) }

// UnsupportedError names what a file holds that is not decoded here.
type UnsupportedError string

func (e UnsupportedError) Error() string { return "tiff: " + string(e) + " is not supported" }

const (
	errCut       = FormatError("the file is cut off")
	errDirectory = FormatError("broken directory")
)

// Page is one picture of a file.
type Page struct {
	Width, Height int      // as stored, 0 if it does not say
	Orientation   int      // as in Exif, 1 to 8
	Gray          bool     // one channel
	Lossy         bool     // JPEG inside
	Changes       []string // what decoding changes, in words
	Memory        int64    // bytes that Decode needs at its peak, beside the file
	Err           error    // what is wrong with it; the rest may not be valid then

	reduced bool // a thumbnail of another page
	order   binary.ByteOrder
	entries map[uint16]entry
	file    []byte // while it is needed: a page must not keep the file alive
}

// entrySize is the bytes of one entry in a directory: tag (2), kind (2), count (4), and the value or where it lies (4).
const entrySize = 12

// Kinds of numbers.
const kindByte, kindShort, kindLong, kindUndefined = 1, 3, 4, 7

// sizeOf returns the bytes that a number of a kind takes, 0 for a kind that is of no use here.
func sizeOf(kind uint16) int64 {
	switch kind {
	case kindByte, kindUndefined:
		return 1
	case kindShort:
		return 2
	case kindLong:
		return 4
	}
	return 0
}

// numberAt reads a number of a kind that sizeOf knows.
func numberAt(order binary.ByteOrder, kind uint16, b []byte) uint32 {
	switch kind {
	case kindShort:
		return uint32(order.Uint16(b))
	case kindLong:
		return order.Uint32(b)
	}
	return uint32(b[0])
}

// entry is one value of a directory: count numbers of a kind, and where they lie in the file.
type entry struct {
	kind     uint16
	count    uint32
	at, size int64
}

// value is an entry with its bytes as stored.
type value struct {
	kind  uint16
	count uint32
	raw   []byte
}

// maxTags is more than any writer puts into one directory.
const maxTags = 4096

// Pages lists the pages of the file b, without thumbnails. A chain of directories that breaks off gives a last page with
// Err, so that what is lost shows; one that runs in a circle ends. Errors: FormatError or ErrTooMany.
func Pages(b []byte, most int) ([]Page, error) {
	order, at, err := readFileHeader(b)
	if err != nil {
		return nil, err
	}
	var pages, small []Page
	for seen := map[uint32]bool{}; at != 0 && !seen[at]; {
		seen[at] = true
		var p Page
		p, at = directory(b, order, at)
		if p.reduced {
			small = append(small, p)
		} else {
			pages = append(pages, p)
		}
		if len(pages) > most || len(small) > most {
			return nil, ErrTooMany
		}
	}
	if len(pages) == 0 {
		pages = small
	}
	if len(pages) == 0 {
		return nil, FormatError("no page")
	}
	return pages, nil
}

// readFileHeader reads a file's first 8 bytes: the byte order and where the first directory lies.
func readFileHeader(b []byte) (binary.ByteOrder, uint32, error) {
	var order binary.ByteOrder
	switch {
	case len(b) < 8:
		return nil, 0, errCut
	case string(b[:4]) == "II*\x00":
		order = binary.LittleEndian
	case string(b[:4]) == "MM\x00*":
		order = binary.BigEndian
	default:
		return nil, 0, FormatError("wrong first bytes")
	}
	return order, order.Uint32(b[4:]), nil
}

// directory reads the one at a place, and where the next one lies, 0 if there is none.
func directory(b []byte, order binary.ByteOrder, at uint32) (p Page, next uint32) {
	p = Page{Orientation: 1, order: order, entries: map[uint16]entry{}, file: b}
	defer func() { p.file = nil }()
	if int64(at)+2 > int64(len(b)) {
		p.Err = errCut
		return p, 0
	}
	n := int(order.Uint16(b[at:]))
	rest := b[at+2:]
	switch {
	case n > maxTags:
		p.Err = errDirectory
		return p, 0
	case len(rest) < entrySize*n+4:
		p.Err = errCut
		return p, 0
	}
	for i := range n {
		p.take(int64(at) + 2 + entrySize*int64(i))
	}
	p.describe()
	return p, order.Uint32(rest[entrySize*n:])
}

// take keeps the entry at a place, if it is of use and its value lies within the file. Of two with the same tag the first
// counts.
func (p *Page) take(at int64) {
	e := p.file[at:][:entrySize]
	tag, kind, count := p.order.Uint16(e), p.order.Uint16(e[2:]), p.order.Uint32(e[4:])
	size := sizeOf(kind) * int64(count)
	if _, twice := p.entries[tag]; twice || size == 0 || !slices.Contains(useful, tag) {
		return
	}
	at += 8
	if size > 4 {
		at = int64(p.order.Uint32(e[8:]))
	}
	if at+size > int64(len(p.file)) {
		p.Err = errCut
		return
	}
	p.entries[tag] = entry{kind: kind, count: count, at: at, size: size}
}

// value returns an entry's bytes; count is 0 if there is none.
func (p *Page) value(tag uint16) value {
	e := p.entries[tag]
	return value{e.kind, e.count, p.file[e.at:][:e.size]}
}

// number returns the value with index i of a tag, otherwise if there is none.
func (p *Page) number(tag uint16, i int, otherwise uint32) uint32 {
	v := p.value(tag)
	if i >= int(v.count) {
		return otherwise
	}
	return numberAt(p.order, v.kind, v.raw[sizeOf(v.kind)*int64(i):])
}

func (p *Page) count(tag uint16) int { return int(p.entries[tag].count) }

// Orientation finds the orientation in an Exif block, which is a small TIFF file, in its first directory: from 1 to 8, 1 where
// there is none. Cameras write broken Exif all the time, so it never fails. The kind should be SHORT; some write BYTE or LONG.
func Orientation(exif []byte) int {
	order, at, err := readFileHeader(exif)
	if err != nil || int64(at)+2 > int64(len(exif)) {
		return 1
	}
	rest := exif[at+2:]
	for range order.Uint16(exif[at:]) {
		if len(rest) < entrySize {
			break
		}
		if order.Uint16(rest) == tagOrientation {
			kind := order.Uint16(rest[2:])
			if sizeOf(kind) == 0 || kind == kindUndefined {
				return 1
			}
			return validOrientation(numberAt(order, kind, rest[8:entrySize]))
		}
		rest = rest[entrySize:]
	}
	return 1
}

func validOrientation(n uint32) int {
	if n < 1 || n > 8 {
		return 1
	}
	return int(n)
}

// samples is how many channels a pixel has.
func (p *Page) samples() int {
	return int(p.number(tagSamples, 0, uint32(max(1, p.count(tagBits)))))
}

func (p *Page) bits() uint32        { return p.number(tagBits, 0, 1) }
func (p *Page) photometric() uint32 { return p.number(tagPhotometric, 0, blackIsZero) }
func (p *Page) compression() uint32 { return p.number(tagCompression, 0, 1) }
func (p *Page) tiled() bool         { return p.number(tagTileWidth, 0, 0) != 0 }

// compressions names what is met in the wild and not decoded.
var compressions = map[uint32]string{6: "old JPEG", 34712: "JPEG 2000", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP",
	34661: "JBIG", 34715: "JBIG2", 50002: "JPEG XL", 34887: "LERC"}

// unsupported names what keeps a page from being decoded here, "" if nothing.
func (p *Page) unsupported() string {
	n, bits := p.samples(), p.bits()
	for i := range min(p.count(tagBits), 8) {
		if p.number(tagBits, i, 0) != bits {
			return "TIFF with channels of different bits"
		}
	}
	c := p.compression()
	switch {
	case compressions[c] != "":
		return "TIFF with " + compressions[c]
	case c != 1 && c != 2 && c != 3 && c != 4 && c != 5 && c != jpegCompression && c != 8 && c != 32946 && c != 32773:
		return fmt.Sprintf("TIFF compression %d", c)
	case p.number(tagPlanar, 0, 1) != 1 && n > 1:
		return "TIFF with a plane for each colour"
	case p.number(tagSampleFormat, 0, 1) != 1:
		return "TIFF of other than whole numbers"
	case bits != 1 && bits != 8 && bits != 16 || c == jpegCompression && bits != 8:
		return fmt.Sprintf("TIFF with %d bits a channel", bits)
	}
	return p.unsupportedColour(n, bits)
}

func (p *Page) unsupportedColour(n int, bits uint32) string {
	jpeg := p.compression() == jpegCompression
	switch colour := p.photometric(); {
	case (colour == whiteIsZero || colour == blackIsZero) && n == 1, colour == palette && n == 1 && bits <= 8 && !jpeg:
		return ""
	case colour == rgb && (n == 3 || n == 4 && !jpeg) && bits >= 8:
		return ""
	case colour == cmyk && n == 4 && bits == 8 && !jpeg, colour == ycbcr && n == 3 && jpeg:
		return ""
	default:
		return fmt.Sprintf("TIFF of colour model %d with %d channels", colour, n)
	}
}
