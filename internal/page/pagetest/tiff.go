package pagetest

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
)

// Tag is an entry of a TIFF directory. Kind is 1 for bytes, 3 for 16 and 4 for 32 bits, 5 for fractions of two values
// each, 7 for any bytes.
type Tag struct {
	ID, Kind uint16
	Values   []uint32
}

// Picture is a page of a TIFF: its strips, and its tags without those that locate the strips.
type Picture struct {
	Tags     []Tag
	Strips   [][]byte
	Tiled    bool
	NoCounts bool // the page does not declare the sizes of its strips
}

// With returns the picture with a tag added or replaced.
func (p Picture) With(id, kind uint16, values ...uint32) Picture {
	p.Tags = append(slices.DeleteFunc(slices.Clone(p.Tags), func(t Tag) bool { return t.ID == id }),
		Tag{id, kind, values})
	return p
}

// TIFF returns a file of pictures, with the directories last.
func TIFF(order binary.AppendByteOrder, pictures ...Picture) []byte {
	return tiffFile(order, false, pictures)
}

// BigTIFF is like TIFF, in the variant for files over 4 GiB.
func BigTIFF(order binary.AppendByteOrder, pictures ...Picture) []byte {
	return tiffFile(order, true, pictures)
}

func tiffFile(order binary.AppendByteOrder, big bool, pictures []Picture) []byte {
	b := []byte("II")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM")
	}
	link := 4 // where to write the offset of the next directory
	if big {
		b = order.AppendUint16(order.AppendUint16(order.AppendUint16(b, 43), 8), 0)
		link = 8
		b = append(b, make([]byte, 8)...)
	} else {
		b = append(order.AppendUint16(b, 42), 0, 0, 0, 0)
	}
	for _, p := range pictures {
		var offsets, counts []uint32
		for _, s := range p.Strips {
			offsets, counts = append(offsets, uint32(len(b))), append(counts, uint32(len(s)))
			b = append(b, s...)
		}
		if p.NoCounts {
			clear(counts)
		}
		places := [2]uint16{273, 279}
		if p.Tiled {
			places = [2]uint16{324, 325}
		}
		b, link = appendDirectory(order, b, link, p.With(places[0], 4, offsets...).With(places[1], 4, counts...).Tags,
			big)
	}
	return b
}

func appendDirectory(order binary.AppendByteOrder, b []byte, link int, tags []Tag, big bool) ([]byte, int) {
	slices.SortFunc(tags, func(s, t Tag) int { return int(s.ID) - int(t.ID) })
	b = append(b, make([]byte, len(b)&1)...)
	at := len(b)
	word, put, appendWord := 4, func(b []byte, v int) { order.(binary.ByteOrder).PutUint32(b, uint32(v)) },
		func(b []byte, v int) []byte { return order.AppendUint32(b, uint32(v)) }
	far := at + 2 + 12*len(tags) + 4
	if big {
		word, put = 8, func(b []byte, v int) { order.(binary.ByteOrder).PutUint64(b, uint64(v)) }
		appendWord = func(b []byte, v int) []byte { return order.AppendUint64(b, uint64(v)) }
		far = at + 8 + 20*len(tags) + 8
	}
	put(b[link:], at)
	var values []byte
	if big {
		b = order.AppendUint64(b, uint64(len(tags)))
	} else {
		b = order.AppendUint16(b, uint16(len(tags)))
	}
	for _, t := range tags {
		b = order.AppendUint16(b, t.ID)
		b = order.AppendUint16(b, t.Kind)
		count := len(t.Values)
		if t.Kind == 5 {
			count /= 2
		}
		b = appendWord(b, count)
		raw := appendValues(order, nil, t)
		if len(raw) <= word {
			b = append(b, append(raw, make([]byte, word)...)[:word]...)
			continue
		}
		b = appendWord(b, far+len(values))
		values = append(values, append(raw, make([]byte, len(raw)&1)...)...)
	}
	link = len(b)
	return append(append(b, make([]byte, word)...), values...), link
}

func appendValues(order binary.AppendByteOrder, b []byte, t Tag) []byte {
	for _, v := range t.Values {
		switch t.Kind {
		case 3:
			b = order.AppendUint16(b, uint16(v))
		case 4, 5:
			b = order.AppendUint32(b, v)
		default:
			b = append(b, byte(v))
		}
	}
	return b
}

// described returns a picture with the usual tags.
func described(w, h, rows, bits, channels, colour, compression int) Picture {
	p := Picture{}.With(256, 4, uint32(w)).With(257, 4, uint32(h)).With(259, 3, uint32(compression)).
		With(262, 3, uint32(colour)).With(277, 3, uint32(channels)).With(278, 4, uint32(rows))
	return p.With(258, 3, slices.Repeat([]uint32{uint32(bits)}, channels)...)
}

// Gray returns an uncompressed page of gray bytes, in strips of rows.
func Gray(m *image.Gray, rows int) Picture {
	p := described(m.Rect.Dx(), m.Rect.Dy(), rows, 8, 1, 1, 1)
	for y := 0; y < m.Rect.Dy(); y += rows {
		p.Strips = append(p.Strips, m.Pix[y*m.Stride:min(y+rows, m.Rect.Dy())*m.Stride])
	}
	return p
}

// Bilevel returns an uncompressed page of bits, 0 for black.
func Bilevel(m *image.Gray) Picture {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	p := described(w, h, h, 1, 1, 1, 1)
	var strip []byte
	for y := range h {
		row := make([]byte, (w+7)/8)
		for x := range w {
			row[x/8] |= m.Pix[y*m.Stride+x] >> 7 << (7 - x%8)
		}
		strip = append(strip, row...)
	}
	p.Strips = [][]byte{strip}
	return p
}

// CMYK returns an uncompressed page of four inks.
func CMYK(m image.Image) Picture {
	b := m.Bounds()
	p := described(b.Dx(), b.Dy(), b.Dy(), 8, 4, 5, 1)
	var strip []byte
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := color.CMYKModel.Convert(m.At(b.Min.X+x, b.Min.Y+y)).(color.CMYK)
			strip = append(strip, c.C, c.M, c.Y, c.K)
		}
	}
	p.Strips = [][]byte{strip}
	return p
}

// JPEG returns a page as scanners write it: strips of rows, each a JPEG without its tables, which are in a tag.
func JPEG(m interface {
	image.Image
	SubImage(image.Rectangle) image.Image
}, rows int) Picture {
	b := m.Bounds()
	p := described(b.Dx(), b.Dy(), rows, 8, 3, 6, 7)
	if _, gray := m.(*image.Gray); gray {
		p = described(b.Dx(), b.Dy(), rows, 8, 1, 1, 7)
	}
	for y := b.Min.Y; y < b.Max.Y; y += rows {
		strip := m.SubImage(image.Rect(b.Min.X, y, b.Max.X, min(y+rows, b.Max.Y)))
		var file bytes.Buffer
		if err := jpeg.Encode(&file, strip, &jpeg.Options{Quality: 90}); err != nil {
			panic(err)
		}
		tables, rest := apart(file.Bytes())
		p.Strips = append(p.Strips, rest)
		p = p.With(347, 7, tables...)
	}
	return p
}

// apart divides a JPEG into its tables and the rest, both in the form of a JPEG.
func apart(file []byte) (tables []uint32, rest []byte) {
	t, rest := []byte{0xff, 0xd8}, []byte{0xff, 0xd8}
	i := 2
	for ; file[i+1] != 0xda; i += 2 + int(binary.BigEndian.Uint16(file[i+2:])) {
		segment := file[i : i+2+int(binary.BigEndian.Uint16(file[i+2:]))]
		if m := file[i+1]; m == 0xdb || m == 0xc4 {
			t = append(t, segment...)
		} else {
			rest = append(rest, segment...)
		}
	}
	for _, v := range append(t, 0xff, 0xd9) {
		tables = append(tables, uint32(v))
	}
	return tables, append(rest, file[i:]...)
}
