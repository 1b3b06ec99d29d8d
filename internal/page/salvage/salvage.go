// Package salvage completes JPEG files that are cut off, so that a decoder which wants all or nothing shows what is there:
// of a baseline file the upper part above a flat rest, of a progressive one the whole picture in less detail.
package salvage

import (
	"bytes"
	"encoding/binary"
)

// Markers of JPEG.
const (
	sof0, sof1, sof2 = 0xc0, 0xc1, 0xc2
	dht, rst0, rst7  = 0xc4, 0xd0, 0xd7
	eoi, sos, dri    = 0xd9, 0xda, 0xdd
)

// file is what is known of a JPEG by its first scan.
type file struct {
	b             []byte
	progressive   bool
	width, height int
	comps         []component
	tables        [2][4]*table // DC and AC, by number
	interval      int          // units between restart markers, 0: none
	scan          int          // where the entropy-coded bytes of the first scan begin
}

type component struct {
	id     byte
	h, v   int
	dc, ac *table
}

// JPEG gives a file that was cut off, or broken behind its beginning, an end; false where that cannot be done.
func JPEG(b []byte) ([]byte, bool) {
	f := &file{b: b}
	if !f.read() {
		return nil, false
	}
	if f.progressive {
		return f.withoutLastScan()
	}
	return f.filledUp()
}

// read reads the segments up to the first scan.
func (f *file) read() bool {
	for i := 2; i+4 <= len(f.b); {
		if f.b[i] != 0xff {
			return false
		}
		marker := f.b[i+1]
		if marker == 0xff { // fill byte
			i++
			continue
		}
		end := i + 2 + int(binary.BigEndian.Uint16(f.b[i+2:]))
		if end > len(f.b) || end < i+4 || !f.segment(marker, f.b[i+4:end]) {
			return false
		}
		if i = end; marker == sos {
			f.scan = end
			return true
		}
	}
	return false
}

func (f *file) segment(marker byte, body []byte) bool {
	switch marker {
	case sof0, sof1, sof2:
		f.progressive = marker == sof2
		return f.frame(body)
	case dht:
		return f.huffman(body)
	case dri:
		if len(body) == 2 {
			f.interval = int(binary.BigEndian.Uint16(body))
		}
	case sos:
		return f.progressive || f.selectors(body)
	}
	return true
}

func (f *file) frame(b []byte) bool {
	if len(b) < 6 || len(b) != 6+3*int(b[5]) || f.comps != nil {
		return false
	}
	f.height, f.width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	for b = b[6:]; len(b) > 0; b = b[3:] {
		c := component{id: b[0], h: int(b[1] >> 4), v: int(b[1] & 15)}
		if c.h < 1 || c.v < 1 || c.h > 4 || c.v > 4 {
			return false
		}
		f.comps = append(f.comps, c)
	}
	if len(f.comps) == 1 { // the units of a single channel are blocks
		f.comps[0].h, f.comps[0].v = 1, 1
	}
	return f.width > 0 && f.height > 0 && (len(f.comps) == 1 || len(f.comps) == 3)
}

// selectors gives each channel its tables. A scan has to hold all channels; files in which each has its own are rare.
func (f *file) selectors(b []byte) bool {
	if f.comps == nil || len(b) != 4+2*len(f.comps) || int(b[0]) != len(f.comps) {
		return false
	}
	for i := range f.comps {
		c := &f.comps[i]
		if b[1+2*i] != c.id {
			return false
		}
		c.dc, c.ac = f.tables[0][b[2+2*i]>>4&3], f.tables[1][b[2+2*i]&3]
		if c.dc == nil || c.ac == nil || !c.dc.has(0) || !c.ac.has(0) {
			return false
		}
	}
	return true
}

// units is how many groups of blocks the picture is coded in.
func (f *file) units() int {
	h, v := 1, 1
	for _, c := range f.comps {
		h, v = max(h, c.h), max(v, c.v)
	}
	return ((f.width + 8*h - 1) / (8 * h)) * ((f.height + 8*v - 1) / (8 * v))
}

// withoutLastScan ends a progressive file in front of its last scan, if that is not the only one.
func (f *file) withoutLastScan() ([]byte, bool) {
	last := bytes.LastIndex(f.b, []byte{0xff, sos})
	if last < f.scan {
		return nil, false
	}
	return append(bytes.Clone(f.b[:last]), 0xff, eoi), true
}
