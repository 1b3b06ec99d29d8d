package heif

import (
	"encoding/binary"
	"iter"
	"slices"
)

// Info is what a file says about its main picture.
type Info struct {
	Width, Height int // as stored
	Deep          bool
	Cropped       bool // a mark says that something of it is cut off
	Orientation   int  // as in Exif, of the marks for turning and mirroring
}

// Read reads the header of a file; false if it does not say how large the picture is. It never fails otherwise: what it does
// not find is as usual.
func Read(b []byte) (Info, bool) {
	meta := box(b, "meta")
	if len(meta) < 4 {
		return Info{}, false
	}
	meta = meta[4:]
	properties := box(meta, "iprp")
	container := box(properties, "ipco")
	info, angle, mirror := Info{Orientation: 1}, byte(0), -1
	numbers := associated(box(properties, "ipma"), primary(meta))
	found := numbered(boxes(container), numbers)
	for _, n := range numbers {
		kind, body := found[n].kind, found[n].body
		switch {
		case kind == "ispe" && len(body) >= 12:
			info.Width, info.Height = min(number(body[4:8]), 1<<31-1), min(number(body[8:12]), 1<<31-1)
		case kind == "pixi" && len(body) >= 6:
			info.Deep = body[5] > 8
		case kind == "clap":
			info.Cropped = true
		case kind == "irot" && len(body) >= 1:
			angle = body[0] & 3
		case kind == "imir" && len(body) >= 1:
			mirror = int(body[0] & 1)
		}
	}
	info.Orientation = orientation(angle, mirror)
	return info, info.Width > 0 && info.Height > 0
}

// orientation is Exif's name for a turn by so many quarters against the clock, and a mirroring after it: of rows (0, top
// goes to the bottom), columns (1) or none (-1).
func orientation(quarters byte, mirror int) int {
	return map[int][4]int{-1: {1, 8, 3, 6}, 0: {4, 5, 2, 7}, 1: {2, 7, 4, 5}}[mirror][quarters]
}

// boxes are the kinds and bodies of the boxes in b.
func boxes(b []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
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
	for k, body := range boxes(b) {
		if k == kind {
			return body
		}
	}
	return nil
}

type property struct {
	kind string
	body []byte
}

// numbered returns the boxes of these numbers, counted from 1, walking over all of them once.
func numbered(all iter.Seq2[string, []byte], numbers []int) map[int]property {
	found := map[int]property{}
	if len(numbers) == 0 {
		return found
	}
	n, last := 0, slices.Max(numbers)
	for kind, body := range all {
		if n++; n > last {
			break
		}
		if slices.Contains(numbers, n) {
			found[n] = property{kind, body}
		}
	}
	return found
}

// primary is the number of the main picture, 0 if there is none.
func primary(meta []byte) int {
	switch b := box(meta, "pitm"); {
	case len(b) >= 6 && b[0] == 0:
		return number(b[4:6])
	case len(b) >= 8:
		return number(b[4:8])
	}
	return 0
}

// associated lists the numbers of an item's properties, of 7 or 15 bits. The bit before says that one must be understood.
func associated(b []byte, item int) (list []int) {
	if len(b) < 8 {
		return nil
	}
	idSize, size := 2, 1
	if b[0] > 0 {
		idSize = 4
	}
	if b[3]&1 == 1 {
		size = 2
	}
	n := number(b[4:8])
	b = b[8:]
	for range n {
		if len(b) < idSize+1 {
			return nil
		}
		id, count := number(b[:idSize]), int(b[idSize])
		if b = b[idSize+1:]; len(b) < count*size {
			return nil
		}
		for at := 0; id == item && at < count*size; at += size {
			list = append(list, number(b[at:at+size])&(1<<(8*size-1)-1))
		}
		if id == item {
			return list
		}
		b = b[count*size:]
	}
	return nil
}

// number reads all of b as one.
func number(b []byte) (n int) {
	for _, v := range b {
		n = n<<8 | int(v)
	}
	return n
}
