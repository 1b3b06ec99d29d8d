// Package tiff finds and decodes the pages of TIFF and BigTIFF files, as written by scanners, fax servers, office and
// image programs. It is as lenient as libtiff. Fax is decoded by package ccitt, JPEG by image/jpeg. The package keeps
// no state; all functions may be called concurrently.
//
// Files, in reading order: decode.go decoding a page block by block, oldjpeg.go and jpeg.go JPEG pages, unpack.go and
// lzw.go the other compressions, ycbcr.go subsampled colours, canvas.go the decoded picture, samples.go rows of
// samples, lab.go a colour space, pieces.go finding the strips and tiles, tiff.go the file and its directories,
// describe.go a page's properties, page.go a page and its entries.
package tiff

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
)

// ErrTooMany means that a file has more pages than the caller allows.
var ErrTooMany = errors.New("tiff: too many pages")

// maxTags is more than any writer puts into one directory.
const maxTags = 4096

// errRaw reports a file that shows only thumbnails: the photo that they belong to is elsewhere in it.
const errRaw = UnsupportedError("a camera's raw file (DNG, NEF or the like)")

// Pages lists the pages of the file b, without thumbnails and masks. If the chain of directories is broken, the last
// page has Err set, so that the loss is visible; a cycle ends the chain. Errors: FormatError, UnsupportedError, ctx's,
// or ErrTooMany, in which case the first pages are returned, as many as allowed.
func Pages(ctx context.Context, b []byte, most int) ([]Page, error) {
	l, at, err := readFileHeader(b)
	if err != nil {
		return nil, err
	}
	var pages, small []Page
	tooMany := false
	for seen := map[uint64]bool{}; at != 0 && !seen[at] && !tooMany; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		seen[at] = true
		var p Page
		p, at = directory(b, l, at)
		if p.aside {
			small = append(small, p)
		} else {
			pages = append(pages, p)
		}
		tooMany = len(pages) > most || len(small) > most
	}
	if len(pages) == 0 {
		pages = small
		if slices.ContainsFunc(small, func(p Page) bool { return p.raw }) {
			return nil, errRaw
		}
	}
	switch {
	case len(pages) == 0:
		return nil, FormatError("it has no page")
	case tooMany:
		return pages[:min(len(pages), most)], ErrTooMany
	}
	return pages, nil
}

// mostCounted bounds the directories that Count follows: no scanner writes so many, but a hostile file may have them.
const mostCounted = 100_000

// Count returns the number of pages in the file b, without thumbnails and masks: at least 1 and at most 100,000. It
// reads nothing else of them. The error is ctx's.
func Count(ctx context.Context, b []byte) (int, error) {
	l, at, err := readFileHeader(b)
	pages, small := 0, 0
	for seen := map[uint64]bool{}; err == nil && at != 0 && !seen[at] && len(seen) < mostCounted; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		seen[at] = true
		var aside bool
		if aside, at = skim(b, l, at); aside {
			small++
		} else {
			pages++
		}
	}
	if pages == 0 {
		pages = small
	}
	return max(pages, 1), nil
}

// skim reads only whether the directory at an offset is aside, and the offset of the next one. Entries are sorted by
// tag, so the subfile type is among the first.
func skim(b []byte, l layout, at uint64) (aside bool, next uint64) {
	from, to, err := bounds(b, l, at)
	if err != nil {
		return false, 0
	}
	p := Page{layout: l, entries: map[uint16]entry{}, file: b}
	for first := from; first < min(to, from+4*l.entrySize()); first += l.entrySize() {
		if l.order.Uint16(b[first:]) == tagSubfile {
			p.take(first)
		}
	}
	return p.isAside(), following(b, l, to)
}

// PageAt returns the page whose directory Pages found at an offset of the file b.
func PageAt(b []byte, at int64) Page {
	l, _, err := readFileHeader(b)
	if err == nil && at < 0 {
		err = ErrCut
	}
	if err != nil {
		return Page{Err: err}
	}
	p, _ := directory(b, l, uint64(at))
	return p
}

// layout says how numbers are stored in a file.
type layout struct {
	order binary.ByteOrder
	big   bool // BigTIFF: offsets and counts have 8 bytes instead of 4
}

// word returns the size of an offset or count in bytes.
func (l layout) word() int {
	if l.big {
		return 8
	}
	return 4
}

// wordAt reads an offset or count.
func (l layout) wordAt(b []byte) uint64 {
	if l.big {
		return l.order.Uint64(b)
	}
	return uint64(l.order.Uint32(b))
}

// entrySize returns the size of a directory entry in bytes: tag (2), kind (2), count, and the value or its offset.
func (l layout) entrySize() int { return 4 + 2*l.word() }

// readFileHeader reads the first 8 or 16 bytes of a file: the layout and the offset of the first directory.
func readFileHeader(b []byte) (layout, uint64, error) {
	var l layout
	switch {
	case len(b) < 8:
		return l, 0, ErrCut
	case b[0] == 'I' && b[1] == 'I':
		l.order = binary.LittleEndian
	case b[0] == 'M' && b[1] == 'M':
		l.order = binary.BigEndian
	default:
		return l, 0, FormatError("its first bytes are wrong")
	}
	const classic, big = 42, 43
	switch version := l.order.Uint16(b[2:]); {
	case version == classic:
		return l, l.wordAt(b[4:]), nil
	case version != big || l.order.Uint16(b[4:]) != 8:
		return l, 0, FormatError("its first bytes are wrong")
	case len(b) < 16:
		return l, 0, ErrCut
	}
	l.big = true
	return l, l.wordAt(b[8:]), nil
}

// directory reads the directory at an offset, and the offset of the next one, 0 if there is none or the file ends
// before.
func directory(b []byte, l layout, at uint64) (p Page, next uint64) {
	p = Page{At: int64(at), Orientation: 1, layout: l, entries: map[uint16]entry{}, file: b}
	defer func() { p.file = nil }()
	from, to, err := bounds(b, l, at)
	if err != nil {
		p.Err = err
		return p, 0
	}
	for ; from < to; from += l.entrySize() {
		p.take(from)
	}
	p.describe()
	return p, following(b, l, to)
}

// bounds returns where the entries of the directory at an offset begin and end.
func bounds(b []byte, l layout, at uint64) (from, to int, err error) {
	head := 2
	if l.big {
		head = 8
	}
	if at > uint64(len(b)) || len(b)-int(at) < head {
		return 0, 0, ErrCut
	}
	n := uint64(l.order.Uint16(b[at:]))
	if l.big {
		n = l.order.Uint64(b[at:])
	}
	if n > maxTags {
		return 0, 0, FormatError("its directory is broken")
	}
	from = int(at) + head
	if to = from + int(n)*l.entrySize(); to > len(b) {
		return 0, 0, ErrCut
	}
	return from, to, nil
}

// following returns the offset of the next directory, which is stored after the entries of one.
func following(b []byte, l layout, end int) uint64 {
	if len(b)-end < l.word() {
		return 0
	}
	return l.wordAt(b[end:])
}

// take keeps the entry at an offset, if its tag is used and its value is within the file. Of two entries with the same
// tag the first counts.
func (p *Page) take(at int) {
	e := p.file[at:][:p.entrySize()]
	tag, kind, count := p.order.Uint16(e), p.order.Uint16(e[2:]), p.wordAt(e[4:])
	one := uint64(sizeOf(kind))
	if _, twice := p.entries[tag]; twice || one == 0 || count == 0 || !slices.Contains(useful, tag) {
		return
	}
	value := uint64(at + 4 + p.word())
	if count > uint64(p.word())/one {
		value = p.wordAt(e[4+p.word():])
	}
	if size := uint64(len(p.file)); value > size || count > (size-value)/one {
		if slices.Contains(needed, tag) {
			p.Err = ErrCut
		}
		return
	}
	p.entries[tag] = entry{kind: kind, at: int(value), count: int(count)}
}

// Orientation returns the orientation, from 1 to 8, in the first directory of an Exif block, which is a small TIFF
// file. It never fails, since cameras often write broken Exif, but returns 1 if there is no orientation. The value
// should be a SHORT; some cameras write BYTE or LONG.
func Orientation(exif []byte) int {
	l, at, err := readFileHeader(exif)
	if err != nil || l.big || int64(at)+2 > int64(len(exif)) {
		return 1
	}
	entries, size := exif[at+2:], l.entrySize()
	for i := range min(int(l.order.Uint16(exif[at:])), len(entries)/size) {
		e := entries[size*i:]
		kind := l.order.Uint16(e[2:])
		if l.order.Uint16(e) != tagOrientation {
			continue
		}
		if size := sizeOf(kind); size == 0 || size > 4 {
			break
		}
		return validOrientation(numberAt(l.order, kind, e[8:]))
	}
	return 1
}

func validOrientation(n uint64) int {
	if n < 1 || n > 8 {
		return 1
	}
	return int(n)
}
