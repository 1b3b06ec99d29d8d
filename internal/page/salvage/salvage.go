// Package salvage completes JPEG files that are cut off, so that a decoder which wants all or nothing shows what is there:
// of a baseline file the upper part above a flat rest, of a progressive one the whole picture in less detail.
//
// Files, in reading order: salvage.go the file, bits.go its entropy-coded bits.
package salvage

import (
	"bytes"
	"encoding/binary"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
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
	jpegfile.Component
	dc, ac *table
}

// JPEG returns a file that was cut off, or broken after its beginning, with an end; false where that cannot be done.
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
	s := &jpegfile.Bytes{File: f.b, At: min(2, len(f.b))}
	for {
		marker, body, err := s.Segment()
		if err != nil || marker == jpegfile.EOI || !f.segment(marker, body) {
			return false
		}
		if marker == jpegfile.SOS {
			f.scan = s.At
			return true
		}
	}
}

func (f *file) segment(marker byte, body []byte) bool {
	switch marker {
	case jpegfile.SOF0, jpegfile.SOF1, jpegfile.SOF2:
		f.progressive = marker == jpegfile.SOF2
		return f.frame(body)
	case jpegfile.DHT:
		return f.huffman(body)
	case jpegfile.DRI:
		if len(body) == 2 {
			f.interval = int(binary.BigEndian.Uint16(body))
		}
	case jpegfile.SOS:
		return f.progressive || f.selectors(body)
	}
	return true
}

func (f *file) frame(body []byte) bool {
	frame, ok := jpegfile.ParseFrame(body)
	if !ok || !frame.Sampled() || f.comps != nil {
		return false
	}
	f.height, f.width = frame.Height, frame.Width
	for _, c := range frame.Components {
		f.comps = append(f.comps, component{Component: c})
	}
	if len(f.comps) == 1 { // the units of a single channel are blocks
		f.comps[0].H, f.comps[0].V = 1, 1
	}
	return f.width > 0 && f.height > 0 && (len(f.comps) == 1 || len(f.comps) == 3)
}

// selectors assigns each channel its tables. A scan has to hold all channels; files in which each has its own are rare.
func (f *file) selectors(b []byte) bool {
	if f.comps == nil || len(b) != 4+2*len(f.comps) || int(b[0]) != len(f.comps) {
		return false
	}
	for i := range f.comps {
		c := &f.comps[i]
		if b[1+2*i] != c.ID {
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
	w, h := 8, 8
	for _, c := range f.comps {
		w, h = max(w, 8*c.H), max(h, 8*c.V)
	}
	return ((f.width + w - 1) / w) * ((f.height + h - 1) / h)
}

// withoutLastScan ends a progressive file in front of its last scan, if that is not the only one.
func (f *file) withoutLastScan() ([]byte, bool) {
	last := bytes.LastIndex(f.b, []byte{0xff, jpegfile.SOS})
	if last < f.scan {
		return nil, false
	}
	return append(bytes.Clone(f.b[:last]), 0xff, jpegfile.EOI), true
}

// huffman reads the tables of a DHT segment.
func (f *file) huffman(b []byte) bool {
	for len(b) >= 17 {
		class, number := b[0]>>4, b[0]&15
		t, n := &table{}, 0
		for length := 1; length <= 16; length++ {
			t.counts[length] = int(b[length])
			n += t.counts[length]
		}
		if class > 1 || number > 3 || n > 256 || len(b) < 17+n {
			return false
		}
		t.symbols = b[17 : 17+n]
		f.tables[class][number], b = t, b[17+n:]
	}
	return len(b) == 0
}

// filledUp keeps the units that are whole and puts flat ones in the place of those that are missing: each block like the
// one before it, and nothing more.
func (f *file) filledUp() ([]byte, bool) {
	units := f.units()
	r := &reader{b: f.b, at: f.scan}
	kept, n := *r, 0
	for ; n < units && f.unit(r, n); n++ {
		kept = *r
	}
	if n == 0 || n == units {
		return nil, false
	}
	w := &writer{b: bytes.Clone(f.b[:kept.at])}
	if kept.used > 0 {
		w.put(uint32(f.b[kept.at]>>(8-kept.used)), kept.used)
	}
	for ; n < units; n++ {
		if f.interval > 0 && n%f.interval == 0 {
			w.marker(jpegfile.RST0 + byte(n/f.interval-1)%8)
		}
		for _, c := range f.comps {
			dc, dcBits := c.dc.code(0)
			end, endBits := c.ac.code(0)
			for range c.H * c.V {
				w.put(dc, dcBits)
				w.put(end, endBits)
			}
		}
	}
	w.marker(jpegfile.EOI)
	return w.b, true
}

// unit passes over unit n and reports whether it is whole.
func (f *file) unit(r *reader, n int) bool {
	if f.interval > 0 && n > 0 && n%f.interval == 0 && !r.restart(jpegfile.RST0+byte(n/f.interval-1)%8) {
		return false
	}
	for _, c := range f.comps {
		for range c.H * c.V {
			if !r.block(c.dc, c.ac) {
				return false
			}
		}
	}
	return true
}
