package heif

import "encoding/binary"

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
	for _, n := range associated(box(properties, "ipma"), primary(meta)) {
		kind, body := nth(container, n)
		switch {
		case kind == "ispe" && len(body) >= 12:
			info.Width, info.Height = side(body[4:]), side(body[8:])
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

func side(b []byte) int { return int(min(binary.BigEndian.Uint32(b), 1<<31-1)) }

// orientation is Exif's name for a turn by so many quarters against the clock, and a mirroring after it: of rows (0, top
// goes to the bottom), columns (1) or none (-1).
func orientation(quarters byte, mirror int) int {
	return map[int][4]int{-1: {1, 8, 3, 6}, 0: {4, 5, 2, 7}, 1: {2, 7, 4, 5}}[mirror][quarters]
}

// each calls f with the boxes in b, until it returns false.
func each(b []byte, f func(kind string, body []byte) bool) {
	for len(b) >= 8 {
		size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
		switch {
		case size == 1 && len(b) >= 16:
			size, head = binary.BigEndian.Uint64(b[8:]), 16
		case size == 0:
			size = uint64(len(b))
		}
		if size < head || size > uint64(len(b)) || !f(string(b[4:8]), b[head:size]) {
			return
		}
		b = b[size:]
	}
}

// box returns the body of the first box of a kind.
func box(b []byte, kind string) (body []byte) {
	each(b, func(k string, inner []byte) bool {
		if k == kind {
			body = inner
		}
		return k != kind
	})
	return body
}

// nth returns the n-th box, counted from 1.
func nth(b []byte, n int) (kind string, body []byte) {
	each(b, func(k string, inner []byte) bool {
		if n--; n == 0 {
			kind, body = k, inner
		}
		return n > 0
	})
	return kind, body
}

// primary is the number of the main picture, 0 if there is none.
func primary(meta []byte) uint32 {
	switch b := box(meta, "pitm"); {
	case len(b) >= 6 && b[0] == 0:
		return uint32(binary.BigEndian.Uint16(b[4:]))
	case len(b) >= 8:
		return binary.BigEndian.Uint32(b[4:])
	}
	return 0
}

// associated lists the numbers of an item's properties.
func associated(b []byte, item uint32) []int {
	if len(b) < 8 {
		return nil
	}
	wideID, wideIndex := b[0] > 0, b[3]&1 == 1
	n := binary.BigEndian.Uint32(b[4:])
	b = b[8:]
	for range n {
		id := uint32(0)
		switch {
		case wideID && len(b) >= 5:
			id, b = binary.BigEndian.Uint32(b), b[4:]
		case !wideID && len(b) >= 3:
			id, b = uint32(binary.BigEndian.Uint16(b)), b[2:]
		default:
			return nil
		}
		count, size := int(b[0]), 1
		if wideIndex {
			size = 2
		}
		if b = b[1:]; len(b) < count*size {
			return nil
		}
		if id == item {
			return indices(b[:count*size], wideIndex)
		}
		b = b[count*size:]
	}
	return nil
}

// indices reads numbers of 7 or 15 bits; the first bit says that the property must be understood.
func indices(b []byte, wide bool) (list []int) {
	if !wide {
		for _, v := range b {
			list = append(list, int(v&0x7f))
		}
		return list
	}
	for ; len(b) >= 2; b = b[2:] {
		list = append(list, int(binary.BigEndian.Uint16(b)&0x7fff))
	}
	return list
}
