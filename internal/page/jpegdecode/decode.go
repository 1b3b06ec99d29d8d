// Package jpegdecode decodes baseline and progressive JPEG with 8 bits per sample, 1, 3 or 4 channels and any sampling.
// It reads a file front to back, decodes it at full, half, quarter or eighth size, and holds only what that size needs:
// one row of MCUs (minimum coded units, here called units) of a baseline file, the reduced coefficients of a
// progressive one.
//
// An error in a file either ends decoding (Decode) or is skipped as in libjpeg (Salvage).
//
// Files, in reading order: decode.go the segments of a file, scan.go its scans, restart.go resuming after damage,
// blocks.go the coefficients of a block, strip.go the samples of a channel, transform.go the inverse transform,
// picture.go size, sampling and colours, and who receives a picture, bits.go bytes and bits, huffman.go codes.
package jpegdecode

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// ErrDamaged reports a file that is incomplete or invalid.
var ErrDamaged = errors.New("jpegdecode: damaged")

// ErrNothing reports a file without a single decodable block.
var ErrNothing = errors.New("jpegdecode: no part of the picture can be decoded")

// Result reports how much of a file was decoded.
type Result struct {
	There, All int  // blocks decoded and in all
	Wrong      bool // some decoded blocks may be wrong
}

// Decode decodes a baseline file, whose first scan must have all channels, strip by strip while reading it. It stops
// after that scan. It returns ErrDamaged if anything about the file is wrong or unsupported, or else the error of src
// or ctx.
func Decode(ctx context.Context, src io.Reader, sink Sink) error {
	d := &decoder{ctx: ctx, r: reader{src: src}, sink: sink, strict: true}
	if b, err := d.r.Next(2); err != nil || b[0] != 0xff || b[1] != jpegfile.SOI {
		d.r.wrong = true
	}
	res, err := d.decode(0)
	if err == nil && res.Wrong || err == ErrNothing {
		err = ErrDamaged
	}
	return err
}

// Salvage decodes as much as it can of a file in memory. Like libjpeg it skips damage and resumes at the next restart
// marker; missing parts are white, or less sharp in a progressive file. height is used where the file declares its
// height after the picture. Salvage returns ErrNothing or the error of ctx.
func Salvage(ctx context.Context, b []byte, height int, sink Sink) (Result, error) {
	d := &decoder{ctx: ctx, r: reader{b: b, at: min(2, len(b))}, sink: sink}
	d.tables = standardTables()
	return d.decode(height)
}

// decoder is the state of decoding one file.
type decoder struct {
	ctx    context.Context
	r      reader
	sink   Sink
	strict bool // stop at an error, and after the first scan of a baseline file

	frame       jpegfile.Frame
	progressive bool
	channels    []channel
	maxH, maxV  int // sampling factors
	acrossUnits int // units in a row
	downUnits   int
	quant       [4]*[64]uint16
	tables      [2][4]*huffman // by class (DC, AC) and number
	interval    int            // units between restart markers; 0: no markers
	jfif, adobe bool
	transform   byte

	block [64]int32 // the one being decoded
	begun bool      // Sink.Begin was called
	shown bool      // the sink has the whole picture
	ended bool      // EOI was read
}

func (d *decoder) decode(height int) (res Result, err error) {
	for d.segment(height) && !(d.strict && (d.r.wrong || d.shown)) {
	}
	switch err := d.ctx.Err(); {
	case d.r.err != nil:
		return res, d.r.err
	case err != nil:
		return res, err
	}
	res.Wrong = d.r.wrong
	for i := range d.channels {
		c := &d.channels[i]
		res.All += c.realAcross * c.realDown
		res.There += min(c.there, c.realAcross*c.realDown)
		res.Wrong = res.Wrong || d.progressive && c.terms != nil && !d.ended && !c.complete()
	}
	if res.There == 0 {
		return res, ErrNothing
	}
	if !d.shown && !(d.strict && res.Wrong) {
		d.showAll()
	}
	return res, d.ctx.Err()
}

// segment reads the next segment, including the coded data after a scan header, and reports whether more may follow.
func (d *decoder) segment(height int) bool {
	marker, err := jpegfile.NextMarker(&d.r)
	switch {
	case err != nil || marker == jpegfile.EOI:
		d.ended = err == nil
		return false
	case marker == jpegfile.SOI || marker == jpegfile.TEM:
		return true
	}
	var body []byte
	n, err := jpegfile.BodySize(&d.r)
	if err == nil {
		body, err = d.r.Next(n)
	}
	if err == jpegfile.ErrSize && (marker == jpegfile.COM || marker >= jpegfile.APP0 && marker <= jpegfile.APP15) {
		return true // it has no body
	}
	if err != nil {
		d.r.wrong = true
		return false
	}
	switch marker {
	case jpegfile.SOF0, jpegfile.SOF1, jpegfile.SOF2:
		d.progressive = marker == jpegfile.SOF2
		return d.takeFrame(body, height)
	case jpegfile.DHT:
		d.takeHuffman(body)
	case jpegfile.DQT:
		d.takeQuant(body)
	case jpegfile.DRI:
		if len(body) >= 2 {
			d.interval = int(binary.BigEndian.Uint16(body))
		}
	case jpegfile.APP0:
		if len(body) >= 5 {
			d.jfif = bytes.HasPrefix(body, []byte("JFIF\x00"))
		}
	case jpegfile.APP14:
		if len(body) >= 12 && bytes.HasPrefix(body, []byte("Adobe")) {
			d.adobe, d.transform = true, body[11]
		}
	case jpegfile.SOS:
		return d.scan(body)
	}
	return true
}

func (d *decoder) takeFrame(body []byte, height int) bool {
	f, ok := jpegfile.ParseFrame(body)
	if n := len(f.Components); d.channels != nil || !ok || !f.Sampled() || f.Bits != 8 || n != 1 && n != 3 && n != 4 {
		d.r.wrong = d.r.wrong || d.strict
		return false
	}
	if f.Height == 0 {
		f.Height = height
	}
	if f.Width == 0 || f.Height == 0 {
		d.r.wrong = d.r.wrong || d.strict
		return false
	}
	if d.frame = f; len(f.Components) == 1 { // the units of a single channel are blocks
		f.Components[0].H, f.Components[0].V = 1, 1
	}
	for _, c := range f.Components {
		d.maxH, d.maxV = max(d.maxH, c.H), max(d.maxV, c.V)
	}
	d.acrossUnits, d.downUnits = ceilDiv(f.Width, 8*d.maxH), ceilDiv(f.Height, 8*d.maxV)
	for i, c := range f.Components {
		w, h := ceilDiv(f.Width*c.H, d.maxH), ceilDiv(f.Height*c.V, d.maxV)
		d.channels = append(d.channels, channel{Component: c, number: int(body[8+3*i]) & 3, width: w, height: h,
			across: d.acrossUnits * c.H, down: d.downUnits * c.V, realAcross: ceilDiv(w, 8), realDown: ceilDiv(h, 8)})
	}
	return true
}

func (d *decoder) picture() Picture {
	p := Picture{Width: d.frame.Width, Height: d.frame.Height, Channels: d.frame.Components}
	p.Colours = ColoursOf(p.Channels, d.jfif, d.adobe, d.transform)
	return p
}

func (d *decoder) takeHuffman(b []byte) {
	for len(b) >= 17 {
		n := 0
		for _, c := range b[1:17] {
			n += int(c)
		}
		class, number := b[0]>>4, b[0]&15
		if class > 1 || number > 3 || n > 256 || len(b) < 17+n {
			break
		}
		t := newHuffman(b[1:17], bytes.Clone(b[17:17+n]), class == 0)
		if t == nil {
			break
		}
		d.tables[class][number], b = t, b[17+n:]
	}
	d.r.wrong = d.r.wrong || len(b) > 0
}

func (d *decoder) takeQuant(b []byte) {
	for len(b) > 0 {
		wide, number := int(b[0]>>4), b[0]&15
		if wide > 1 || number > 3 || len(b) < 1+64<<wide {
			d.r.wrong = true
			break
		}
		q := new([64]uint16)
		for i := range q {
			if q[i] = uint16(b[1+i]); wide > 0 {
				q[i] = binary.BigEndian.Uint16(b[1+2*i:])
			}
		}
		d.quant[number], b = q, b[1+64<<wide:]
	}
}
