package page

import "encoding/binary"

const (
	exifMax        = 64 << 10 // bytes of Exif that are looked at; a JPEG segment cannot be longer
	tagOrientation = 0x0112
	tiffEntry      = 12 // bytes of one directory entry
)

// exifOrientation finds the orientation in an Exif block, which is a small TIFF file: directory 0, tag 0x0112. Real files
// carry broken Exif all the time, so it never fails: whatever is not a value from 1 to 8 is upright.
func exifOrientation(b []byte) orientation {
	order := tiffOrder(b)
	if order == nil {
		return upright
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return upright
	}
	entries := b[at+2:]
	for range order.Uint16(b[at:]) {
		if len(entries) < tiffEntry {
			break
		}
		if order.Uint16(entries) == tagOrientation {
			return tiffOrientation(order, entries[:tiffEntry])
		}
		entries = entries[tiffEntry:]
	}
	return upright
}

// tiffOrder gives the byte order of a TIFF header of 8 bytes, nil if b holds none.
func tiffOrder(b []byte) binary.ByteOrder {
	if len(b) < 8 {
		return nil
	}
	switch string(b[:4]) {
	case "II*\x00":
		return binary.LittleEndian
	case "MM\x00*":
		return binary.BigEndian
	}
	return nil
}

// tiffOrientation reads an entry's value. The type should be SHORT; some writers use BYTE or LONG.
func tiffOrientation(order binary.ByteOrder, entry []byte) orientation {
	var v uint32
	switch order.Uint16(entry[2:]) {
	case 1:
		v = uint32(entry[8])
	case 3:
		v = uint32(order.Uint16(entry[8:]))
	case 4:
		v = order.Uint32(entry[8:])
	}
	if v < 1 || v > 8 {
		return upright
	}
	return orientation(v)
}
