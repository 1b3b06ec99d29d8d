package tiff

import "encoding/binary"

// sampler converts stored samples to bytes: palette indices are kept, all others are scaled to 0 to 255.
type sampler struct {
	bits   int
	high   int       // index of the most significant byte in a sample of whole bytes
	values [256]byte // results for samples of up to 8 bits
}

func (p *Page) sampler() sampler {
	s := sampler{bits: p.bits}
	if p.order == binary.ByteOrder(binary.LittleEndian) {
		s.high = p.bits/8 - 1
	}
	largest := 1<<min(p.bits, 8) - 1
	for v := range s.values {
		s.values[v] = byte(v)
		if p.colour != palette {
			s.values[v] = byte((v*255 + largest/2) / largest)
		}
	}
	return s
}

// read reads n samples of a row into every step-th byte of dst.
func (s *sampler) read(dst []byte, step int, row []byte, n int) {
	switch {
	case s.bits == 8 && step == 1:
		copy(dst[:n], row)
	case s.bits == 1:
		for i := range n {
			dst[i*step] = s.values[row[i/8]>>(7-i%8)&1]
		}
	case s.bits%8 == 0:
		size := s.bits / 8
		for i := range n {
			dst[i*step] = row[i*size+s.high]
		}
	default:
		s.readBits(dst, step, row, n)
	}
}

// readBits is read for samples that are not whole bytes.
func (s *sampler) readBits(dst []byte, step int, row []byte, n int) {
	held, valid := uint32(0), 0
	for i := range n {
		for ; valid < s.bits; valid += 8 {
			held = held<<8 | uint32(row[0])
			row = row[1:]
		}
		valid -= s.bits
		v := held >> valid & (1<<s.bits - 1)
		if s.bits < 8 {
			dst[i*step] = s.values[v]
		} else {
			dst[i*step] = byte(v >> (s.bits - 8))
		}
	}
}

// undoDifferences undoes the predictor, which stores differences between neighbouring samples of a row.
func (d *decoder) undoDifferences(packed []byte) {
	channels := d.n / d.planes
	size := d.bits / 8
	for ; len(packed) >= d.rowBytes(); packed = packed[d.rowBytes():] {
		row := packed[:d.rowBytes()]
		for i := channels * size; i < len(row); i += size {
			before := row[i-channels*size:]
			switch size {
			case 1:
				row[i] += before[0]
			case 2:
				d.order.PutUint16(row[i:], d.order.Uint16(row[i:])+d.order.Uint16(before))
			default:
				d.order.PutUint32(row[i:], d.order.Uint32(row[i:])+d.order.Uint32(before))
			}
		}
	}
}
