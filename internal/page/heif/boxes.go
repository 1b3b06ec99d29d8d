package heif

import (
	"encoding/binary"
	"errors"
	"iter"
	"slices"
)

// file is a parsed file: its main picture, with its parts, and the transparency.
type file struct {
	bytes []byte
	items map[int]*item

	main          *item
	alpha         *item // nil: opaque
	premultiplied bool
	animation     bool // main is the first picture of a sequence
}

// item is a picture or a part of one.
type item struct {
	id         int
	kind       string
	pieces     [][]byte // of its data in the file: a coded picture, or how it is assembled from others
	length     int      // of all pieces, in bytes; at most that of the file
	properties []property
	parts      []int // IDs of the items that it is assembled from
	of         []int // IDs of the items that it is auxiliary to, as a mask is
	multiplied []int // IDs of the masks by which its colours are premultiplied
	cut        bool  // its data are incomplete
}

type property struct {
	kind string
	body []byte
}

// property returns the body of the first property of a kind.
func (it *item) property(kind string) []byte {
	for _, p := range it.properties {
		if p.kind == kind {
			return p.body
		}
	}
	return nil
}

// most bounds the items, references and properties of a file that are read. A 200-megapixel photo in tiles of 512 x 512
// has 800.
const most = 1 << 15

// parse reads a file's table of contents.
func parse(b []byte) (*file, error) {
	f := &file{bytes: b, items: map[int]*item{}}
	if meta := box(b, "meta"); len(meta) >= 4 {
		f.readMeta(meta[4:])
	}
	if box(b, "mini") != nil {
		return nil, &Unsupported{"HEIF with a short header (mini)"}
	}
	if f.main == nil {
		if f.main = f.firstSample(); f.main == nil {
			return nil, ErrBroken
		}
		f.animation = true
	}
	return f, nil
}

func (f *file) readMeta(meta []byte) {
	for _, body := range boxes(box(meta, "iinf"), itemsHead) {
		f.addItem(body)
	}
	f.main = f.items[primary(meta)]
	f.readPlaces(box(meta, "iloc"), box(meta, "idat"))
	f.readReferences(box(meta, "iref"))
	f.readProperties(box(meta, "iprp"))
	if f.main == nil {
		return
	}
	for _, it := range f.items { // of several, the one with the lowest ID
		if it.about(f.main.id) && it.isAlpha() && (f.alpha == nil || it.id < f.alpha.id) {
			f.alpha = it
		}
	}
	f.premultiplied = len(f.main.multiplied) > 0
}

// itemsHead returns the bytes before the boxes of iinf: version, flags and a count of two or four bytes.
func itemsHead(b []byte) int {
	if len(b) > 0 && b[0] > 0 {
		return 8
	}
	return 6
}

func referencesHead([]byte) int { return 4 }
func noHead([]byte) int         { return 0 }

// addItem reads an infe box.
func (f *file) addItem(b []byte) {
	if len(b) < 12 || b[0] < 2 || len(f.items) >= most {
		return
	}
	idSize := 2
	if b[0] > 2 {
		idSize = 4
	}
	if len(b) < 4+idSize+6 {
		return
	}
	id := bigEndian(b[4 : 4+idSize])
	if f.items[id] == nil {
		f.items[id] = &item{id: id, kind: string(b[6+idSize : 10+idSize])}
	}
}

// reader reads integers of different sizes.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) number(size int) int {
	if size > len(r.b) {
		r.failed = true
		return 0
	}
	n := bigEndian(r.b[:size])
	r.b = r.b[size:]
	return n
}

// readPlaces reads the locations of the items' data: pieces of the file or of the idat box.
func (f *file) readPlaces(b, idat []byte) {
	if len(b) < 8 || b[0] > 2 {
		return
	}
	version := b[0]
	offsetSize, lengthSize, baseSize, indexSize := int(b[4]>>4), int(b[4]&15), int(b[5]>>4), int(b[5]&15)
	if offsetSize > 8 || lengthSize > 8 || baseSize > 8 || indexSize > 8 {
		return
	}
	if version == 0 {
		indexSize = 0
	}
	idSize := 2
	if version == 2 {
		idSize = 4
	}
	r := &reader{b: b[6:]}
	pieces := 0
	for range min(r.number(idSize), most) {
		it, from := f.items[r.number(idSize)], f.bytes
		if version > 0 {
			switch r.number(2) & 15 {
			case 0:
			case 1:
				from = idat
			default:
				from = nil
			}
		}
		r.number(2) // reference to another file, unused
		base := r.number(baseSize)
		n := r.number(2)
		if pieces += n; r.failed || pieces > most {
			return
		}
		for range n {
			r.number(indexSize)
			at, length := base+r.number(offsetSize), r.number(lengthSize)
			if r.failed {
				return
			}
			if it != nil {
				it.add(from, at, length, len(f.bytes))
			}
		}
	}
}

// add appends a piece of length bytes to an item's data, or all that follows if length is 0. Data of more than most
// bytes are incomplete.
func (it *item) add(from []byte, at, length, most int) {
	if at < 0 || at > len(from) || length < 0 || length > len(from)-at {
		it.cut = true
		return
	}
	if length == 0 {
		length = len(from) - at
	}
	if length > most-it.length {
		it.cut = true
		return
	}
	it.pieces, it.length = append(it.pieces, from[at:at+length:at+length]), it.length+length
}

// data returns an item's data. They are copied only if they are in several pieces, and not kept: a small file can have
// many items that name the same bytes.
func (it *item) data() []byte {
	if len(it.pieces) == 1 {
		return it.pieces[0]
	}
	return slices.Concat(it.pieces...)
}

// head returns the first bytes of an item's data, at most n.
func (it *item) head(n int) []byte {
	var out []byte
	for _, piece := range it.pieces {
		if out = append(out, piece[:min(n-len(out), len(piece))]...); len(out) == n {
			break
		}
	}
	return out
}

// readReferences reads the references between items.
func (f *file) readReferences(b []byte) {
	if len(b) < 4 {
		return
	}
	idSize, all := 2, 0
	if b[0] > 0 {
		idSize = 4
	}
	for kind, body := range boxes(b, referencesHead) {
		r := &reader{b: body}
		it := f.items[r.number(idSize)]
		n := r.number(2)
		if all += n + 1; all > most {
			return
		}
		if it == nil {
			continue
		}
		var to []int
		for range n {
			if id := r.number(idSize); !r.failed {
				to = append(to, id)
			}
		}
		switch kind {
		case "dimg":
			it.parts = to
		case "auxl":
			it.of = to
		case "prem":
			it.multiplied = to
		}
	}
}

// about reports whether an item is auxiliary to the item id.
func (it *item) about(id int) bool {
	for _, of := range it.of {
		if of == id {
			return true
		}
	}
	return false
}

// isAlpha reports whether an item is a transparency mask.
func (it *item) isAlpha() bool {
	b := it.property("auxC")
	if len(b) < 4 {
		return false
	}
	kind, _, _ := cutZero(b[4:])
	return kind == "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha" || kind == "urn:mpeg:hevc:2015:auxid:1"
}

func cutZero(b []byte) (string, []byte, bool) {
	for i, c := range b {
		if c == 0 {
			return string(b[:i]), b[i+1:], true
		}
	}
	return string(b), nil, false
}

// readProperties assigns properties to items. The index of a property has 7 or 15 bits; the bit before it marks an
// essential property.
func (f *file) readProperties(b []byte) {
	var container []property
	for kind, body := range boxes(box(b, "ipco"), noHead) {
		if container = append(container, property{kind, body}); len(container) == most {
			break
		}
	}
	all := 0
	for kind, b := range boxes(b, noHead) {
		if kind != "ipma" || len(b) < 8 {
			continue
		}
		idSize, size := 2, 1
		if b[0] > 0 {
			idSize = 4
		}
		if b[3]&1 == 1 {
			size = 2
		}
		r := &reader{b: b[4:]}
		for range min(r.number(4), most) {
			it, n := f.items[r.number(idSize)], r.number(1)
			for range n {
				index := r.number(size) & (1<<(8*size-1) - 1)
				if all++; r.failed || all > 4*most {
					return
				}
				if it != nil && index > 0 && index <= len(container) {
					it.properties = append(it.properties, container[index-1])
				}
			}
		}
	}
}

// primary returns the ID of the main picture, or 0.
func primary(meta []byte) int {
	switch b := box(meta, "pitm"); {
	case len(b) >= 6 && b[0] == 0:
		return bigEndian(b[4:6])
	case len(b) >= 8:
		return bigEndian(b[4:8])
	}
	return 0
}

// boxes yields the kinds and bodies of the boxes in b after its head.
func boxes(b []byte, head func([]byte) int) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if n := head(b); n > len(b) {
			return
		} else {
			b = b[n:]
		}
		for len(b) >= 8 {
			size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
			switch {
			case size == 1 && len(b) >= 16:
				size, head = binary.BigEndian.Uint64(b[8:]), 16
			case size == 0:
				size = uint64(len(b))
			}
			if size < head || size > uint64(len(b)) || !yield(string(b[4:8]), b[head:size]) {
				return
			}
			b = b[size:]
		}
	}
}

// box returns the body of the first box of a kind.
func box(b []byte, kind string) []byte {
	for k, body := range boxes(b, noHead) {
		if k == kind {
			return body
		}
	}
	return nil
}

// bigEndian reads b as a big-endian integer.
func bigEndian(b []byte) (n int) {
	for _, v := range b {
		n = n<<8 | int(v)
	}
	return n
}

// Errors about a file. Other errors are the engine's.
var (
	ErrBroken = errors.New("not a readable picture")
	ErrCrash  = errors.New("the decoder crashed on it")
	ErrRoom   = errors.New("needs more memory") // than the given room
)

// Unsupported reports a kind of picture that is not supported.
type Unsupported struct{ What string }

func (e *Unsupported) Error() string { return e.What + " is not supported" }
