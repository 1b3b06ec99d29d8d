package pagetest

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// Grid describes a photograph as phones store it: in separately coded tiles, with a thumbnail, a depth map and Exif.
type Grid struct {
	Columns, Rows         int
	TileWidth, TileHeight int
	Width, Height         int // of the picture, which the tiles may exceed
	Turn                  int // quarter turns anticlockwise
	Mirror                int // 0 swaps top and bottom, 1 left and right; -1: none
	Crop                  int // pixels cropped on each side; 0: no such property
	Exif                  []byte
	Alpha                 bool   // the tiles are also the alpha channel: black is transparent
	Kind                  string // declared coding of the tiles; "": hvc1
}

// HEIC returns such a file. tiles is a file with one picture per tile, as heif-enc writes for several inputs. The
// thumbnail and the depth map show the last tile.
func HEIC(tiles []byte, g Grid) []byte {
	t := readTiles(tiles)
	f := &heif{}
	var all []uint16
	kind := cmp.Or(g.Kind, "hvc1")
	for n := range g.Columns * g.Rows {
		all = append(all, f.item(kind, true, t.coded[n], f.property("hvcC", t.config[n]),
			f.size(g.TileWidth, g.TileHeight)))
	}
	last := len(all) - 1
	whole := be16([]byte{0, 0, byte(g.Rows - 1), byte(g.Columns - 1)}, g.Width, g.Height)
	marks := []byte{f.size(g.Width, g.Height), f.property("pixi", []byte{0, 0, 0, 0, 3, 8, 8, 8})}
	if g.Crop > 0 {
		marks = append(marks, f.property("clap", be32(nil, g.Width-2*g.Crop, 1, g.Height-2*g.Crop, 1, 0, 1, 0, 1)))
	}
	if g.Turn > 0 {
		marks = append(marks, f.property("irot", []byte{byte(g.Turn)}))
	}
	if g.Mirror >= 0 {
		marks = append(marks, f.property("imir", []byte{byte(g.Mirror)}))
	}
	f.primary = f.item("grid", false, whole, marks...)
	f.refer("dimg", f.primary, all...)
	if g.Alpha {
		mask := f.item("grid", true, whole, f.size(g.Width, g.Height),
			f.property("auxC", []byte("\x00\x00\x00\x00urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\x00")))
		f.refer("dimg", mask, all...)
		f.refer("auxl", mask, f.primary)
	}
	thumbnail := f.item("hvc1", false, t.coded[last], f.property("hvcC", t.config[last]),
		f.size(g.TileWidth, g.TileHeight))
	f.refer("thmb", thumbnail, f.primary)
	depth := f.item("hvc1", true, t.coded[last], f.property("hvcC", t.config[last]), f.size(g.TileWidth, g.TileHeight),
		f.property("auxC", []byte("\x00\x00\x00\x00urn:mpeg:hevc:2015:auxid:2\x00")))
	f.refer("auxl", depth, f.primary)
	f.refer("cdsc", f.item("Exif", true, append(be32(nil, 0), g.Exif...)), f.primary)
	return f.bytes()
}

// HEICOverlay returns a file whose picture is the first tile on a red background, at (x, y), which may be negative.
func HEICOverlay(tiles []byte, tileWidth, tileHeight, width, height int, x, y int16) []byte {
	t := readTiles(tiles)
	f := &heif{}
	part := f.item("hvc1", true, t.coded[0], f.property("hvcC", t.config[0]), f.size(tileWidth, tileHeight))
	f.primary = f.item("iovl", false, be16([]byte{0, 0}, 0xffff, 0, 0, 0xffff, width, height, int(x), int(y)),
		f.size(width, height))
	f.refer("dimg", f.primary, part)
	return f.bytes()
}

// HEICSequence returns a file without stills that holds a sequence of the first tile.
func HEICSequence(tiles []byte, width, height int) []byte {
	t := readTiles(tiles)
	brands := box("ftyp", []byte("msf1\x00\x00\x00\x00hevcmsf1"))
	sample := append(make([]byte, 24), be16(nil, width, height)...)
	sample = append(append(sample, make([]byte, 50)...), box("hvcC", t.config[0])...)
	moov := func(at int) []byte {
		table := box("stbl", box("stsd", be32(nil, 0, 1), box("hvc1", sample)),
			box("stsz", be32(nil, 0, 0, 1, len(t.coded[0]))),
			box("stco", be32(nil, 0, 1, at)))
		return box("moov", box("trak",
			box("mdia", box("hdlr", []byte("\x00\x00\x00\x00\x00\x00\x00\x00pict"), make([]byte, 13)),
				box("minf", table))))
	}
	return bytes.Join([][]byte{brands, moov(len(brands) + len(moov(0)) + 8), box("mdat", t.coded[0])}, nil)
}

// heif is a file under construction.
type heif struct {
	primary             uint16
	items               [][]byte // infe
	data                [][]byte // of each item
	container, assigned []byte   // ipco, ipma
	references          []byte   // iref
	properties          byte
}

// item adds an item with properties and returns its number.
func (f *heif) item(kind string, hidden bool, data []byte, properties ...byte) uint16 {
	head := []byte{2, 0, 0, 0}
	if hidden {
		head[3] = 1
	}
	f.data = append(f.data, data)
	n := len(f.data)
	f.items = append(f.items, box("infe", be16(head, n, 0), []byte(kind+"\x00")))
	f.assigned = append(be16(f.assigned, n), byte(len(properties)))
	f.assigned = append(f.assigned, properties...)
	return uint16(n)
}

func (f *heif) property(kind string, body []byte) byte {
	f.container = append(f.container, box(kind, body)...)
	f.properties++
	return f.properties
}

func (f *heif) size(w, h int) byte { return f.property("ispe", be32(nil, 0, w, h)) }

func (f *heif) refer(kind string, from uint16, to ...uint16) {
	body := be16(nil, int(from), len(to))
	for _, n := range to {
		body = be16(body, int(n))
	}
	f.references = append(f.references, box(kind, body)...)
}

func (f *heif) bytes() []byte {
	brands := box("ftyp", []byte("heic\x00\x00\x00\x00mif1heic"))
	meta := f.meta(0)
	meta = f.meta(len(brands) + len(meta) + 8)
	return bytes.Join([][]byte{brands, meta, box("mdat", f.data...)}, nil)
}

// meta returns the file's table of contents, for data that begins at an offset.
func (f *heif) meta(at int) []byte {
	places := be16([]byte{0, 0, 0, 0, 0x44, 0}, len(f.data))
	for i, d := range f.data {
		places = be32(be16(places, i+1, 0, 1), at, len(d))
		at += len(d)
	}
	return box("meta", be32(nil, 0), box("hdlr", []byte("\x00\x00\x00\x00\x00\x00\x00\x00pict"), make([]byte, 13)),
		box("pitm", be32(nil, 0), be16(nil, int(f.primary))),
		box("iloc", places),
		box("iinf", append([][]byte{be16(be32(nil, 0), len(f.items))}, f.items...)...),
		box("iref", be32(nil, 0), f.references),
		box("iprp", box("ipco", f.container), box("ipma", be32(nil, 0, len(f.items)), f.assigned)))
}

func box(kind string, body ...[]byte) []byte {
	b := bytes.Join(body, nil)
	return append(append(be32(nil, len(b)+8), kind...), b...)
}

func be16(b []byte, numbers ...int) []byte {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	return b
}

func be32(b []byte, numbers ...int) []byte {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return b
}

// tiled holds the decoder configuration and the coded data of each picture in a file.
type tiled struct{ config, coded [][]byte }

// readTiles reads files that heif-enc wrote, and no others.
func readTiles(b []byte) (t tiled) {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte("hvcC"))
		if i < 0 {
			break
		}
		at += i + 4
		t.config = append(t.config, b[at:at-8+int(binary.BigEndian.Uint32(b[at-8:]))])
	}
	places := b[bytes.Index(b, []byte("iloc"))+4:]
	for n := range int(binary.BigEndian.Uint16(places[6:])) {
		// item ID (2), file (2), base offset (4), number of extents (2), and one extent
		p := places[8+18*n:]
		from := binary.BigEndian.Uint32(p[4:]) + binary.BigEndian.Uint32(p[10:])
		t.coded = append(t.coded, b[from:from+binary.BigEndian.Uint32(p[14:])])
	}
	return t
}
