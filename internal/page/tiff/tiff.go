// Package tiff finds the pages of a TIFF file and decodes them. The samples are decoded by golang.org/x/image/tiff and, in
// JPEG, by image/jpeg; what the former does not know it is shown as something that it does: each page as the only one of its
// file, CMYK as RGB with alpha. Nothing here keeps state, and all may be called concurrently.
//
// Files, in reading order: tiff.go the file and its directories, decode.go and jpeg.go decoding, describe.go what a page says about
// itself, page.go a page and its entries.
package tiff

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
)

// ErrTooMany says that a file has more pages than the caller allows.
var ErrTooMany = errors.New("tiff: too many pages")

// maxTags is more than any writer puts into one directory.
const maxTags = 4096

// Pages lists the pages of the file b, without thumbnails. A chain of directories that breaks off has a last page with
// Err, so that what is lost shows; one that runs in a circle ends. Errors: FormatError, ErrTooMany or ctx's.
func Pages(ctx context.Context, b []byte, most int) ([]Page, error) {
	order, at, err := readFileHeader(b)
	if err != nil {
		return nil, err
	}
	var pages, small []Page
	for seen := map[uint32]bool{}; at != 0 && !seen[at]; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
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

// PageAt returns the page of the file b that Pages has found at a place.
func PageAt(b []byte, at int64) Page {
	order, _, err := readFileHeader(b)
	if err == nil && (at < 0 || at > int64(len(b))) {
		err = errCut
	}
	if err != nil {
		return Page{Err: err}
	}
	p, _ := directory(b, order, uint32(at))
	return p
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
	p = Page{At: int64(at), Orientation: 1, order: order, entries: map[uint16]entry{}, file: b}
	defer func() { p.file = nil }()
	if int64(at)+2 > int64(len(b)) {
		p.Err = errCut
		return p, 0
	}
	n := int(order.Uint16(b[at:]))
	rest := b[at+2:]
	if n > maxTags {
		p.Err = FormatError("broken directory")
		return p, 0
	}
	if len(rest) < entrySize*n+4 {
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

// Orientation finds the orientation in an Exif block, which is a small TIFF file, in its first directory: from 1 to 8, 1 where
// there is none. Cameras write broken Exif all the time, so it never fails. The kind should be SHORT; some write BYTE or LONG.
func Orientation(exif []byte) int {
	order, at, err := readFileHeader(exif)
	if err != nil || int64(at)+2 > int64(len(exif)) {
		return 1
	}
	entries := exif[at+2:]
	for i := range min(int(order.Uint16(exif[at:])), len(entries)/entrySize) {
		e := entries[entrySize*i:]
		kind := order.Uint16(e[2:])
		if order.Uint16(e) != tagOrientation {
			continue
		}
		if sizeOf(kind) == 0 || kind == kindUndefined {
			break
		}
		return validOrientation(numberAt(order, kind, e[8:]))
	}
	return 1
}

func validOrientation(n uint32) int {
	if n < 1 || n > 8 {
		return 1
	}
	return int(n)
}
