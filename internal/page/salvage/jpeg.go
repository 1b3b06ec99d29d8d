package salvage

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// JPEG decodes a baseline or progressive JPEG, in 8 bits, of 1, 3 or 4 channels with any sampling. Like libjpeg it
// reads over what is broken, and goes on at the next restart marker. Where the height is declared after the picture it
// is height. The error is ErrNothing or ctx's.
func JPEG(ctx context.Context, b []byte, height int) (Part, error) {
	d := &jpegDecoder{ctx: ctx, s: jpegfile.Bytes{File: b, At: min(2, len(b))}}
	d.standardTables()
	for d.segment(height) {
	}
	if err := ctx.Err(); err != nil {
		return Part{}, err
	}
	return d.part()
}

// segment reads the next segment, with what follows a scan's, and reports whether there may be more.
func (d *jpegDecoder) segment(height int) bool {
	marker, err := jpegfile.NextMarker(&d.s)
	switch {
	case err != nil || marker == jpegfile.EOI:
		d.ended = err == nil
		return false
	case marker == jpegfile.SOI || marker == jpegfile.TEM:
		return true
	}
	var body []byte
	n, err := jpegfile.BodySize(&d.s)
	if err == nil {
		body, err = d.s.Next(n)
	}
	if err == jpegfile.ErrSize && (marker == jpegfile.COM || marker >= jpegfile.APP0 && marker <= jpegfile.APP15) {
		return true // it has no body
	}
	if err != nil {
		d.wrong = true
		return false
	}
	switch marker {
	case jpegfile.SOF0, jpegfile.SOF1, jpegfile.SOF2:
		d.progressive = marker == jpegfile.SOF2
		return d.takeFrame(body, height)
	case jpegfile.DHT:
		return d.takeHuffman(body)
	case jpegfile.DQT:
		return d.takeQuant(body)
	case jpegfile.DRI:
		if len(body) >= 2 {
			d.interval = int(binary.BigEndian.Uint16(body))
		}
	case jpegfile.APP0:
		d.jfif = d.jfif || bytes.HasPrefix(body, []byte("JFIF\x00"))
	case jpegfile.APP14:
		if len(body) >= 12 && bytes.HasPrefix(body, []byte("Adobe")) {
			d.adobe, d.transform = true, body[11]
		}
	case jpegfile.SOS:
		return d.scan(body)
	}
	return true
}

func (d *jpegDecoder) takeFrame(body []byte, height int) bool {
	f, ok := jpegfile.ParseFrame(body)
	if n := len(f.Components); d.comps != nil || !ok || !f.Sampled() || f.Bits != 8 || n != 1 && n != 3 && n != 4 {
		return false
	}
	if f.Height == 0 {
		f.Height = height
	}
	if f.Width == 0 || f.Height == 0 {
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
		k := component{Component: c, number: int(body[8+3*i]) & 3, across: d.acrossUnits * c.H, down: d.downUnits * c.V,
			realAcross: ceilDiv(ceilDiv(f.Width*c.H, d.maxH), 8), realDown: ceilDiv(ceilDiv(f.Height*c.V, d.maxV), 8)}
		k.plane = make([]byte, k.across*k.down*64)
		if d.progressive {
			k.coefs = make([]int16, len(k.plane))
			for at := 0; at < len(k.coefs); at += 64 {
				k.coefs[at] = unread
			}
		}
		d.comps = append(d.comps, k)
	}
	return true
}

func (d *jpegDecoder) takeHuffman(b []byte) bool {
	for len(b) >= 17 {
		n := 0
		for _, c := range b[1:17] {
			n += int(c)
		}
		class, number := b[0]>>4, b[0]&15
		if class > 1 || number > 3 || n > 256 || len(b) < 17+n {
			break
		}
		t := newHuffman(b[1:17], b[17:17+n])
		if t == nil {
			break
		}
		d.tables[class][number], b = t, b[17+n:]
	}
	d.wrong = d.wrong || len(b) > 0
	return true
}

func (d *jpegDecoder) takeQuant(b []byte) bool {
	for len(b) > 0 {
		wide, number := int(b[0]>>4), b[0]&15
		if wide > 1 || number > 3 || len(b) < 1+64<<wide {
			d.wrong = true
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
	return true
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// standardTables has the tables of the standard's annex K, which frames of Motion JPEG leave out.
func (d *jpegDecoder) standardTables() {
	dc := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	for i := range 2 {
		d.tables[0][i] = newHuffman([]byte(standardCounts[i]), dc)
		d.tables[1][i] = newHuffman([]byte(standardCounts[2+i]), []byte(standardSymbols[i]))
	}
}

// The tables of annex K: how many codes there are of each length, for DC and AC of luma and chroma, and the symbols of
// AC.
var (
	standardCounts = [4]string{
		"\x00\x01\x05\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00",
		"\x00\x03\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00",
		"\x00\x02\x01\x03\x03\x02\x04\x03\x05\x05\x04\x04\x00\x00\x01\x7d",
		"\x00\x02\x01\x02\x04\x04\x03\x04\x07\x05\x04\x04\x00\x01\x02\x77",
	}
	standardSymbols = [2]string{
		"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0" +
			"\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49" +
			"\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89" +
			"\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5" +
			"\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
			"\xf9\xfa",
		"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0" +
			"\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48" +
			"\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87" +
			"\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3" +
			"\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
			"\xf9\xfa",
	}
)
