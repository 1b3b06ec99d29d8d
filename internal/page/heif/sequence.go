package heif

import "encoding/binary"

// entryHead is the bytes before the boxes of a video sample entry, sizeAt the offset of its width and height.
const entryHead, sizeAt = 78, 24

// firstSample returns the first picture of the first picture or video track as an item, or nil.
func (f *file) firstSample() *item {
	for kind, track := range boxes(box(f.bytes, "moov"), noHead) {
		media := box(track, "mdia")
		handler := box(media, "hdlr")
		if kind != "trak" || len(handler) < 12 || string(handler[8:12]) != "pict" && string(handler[8:12]) != "vide" {
			continue
		}
		table := box(box(media, "minf"), "stbl")
		at, ok := firstChunk(table)
		sizes := box(table, "stsz")
		if !ok || len(sizes) < 12 {
			continue
		}
		size := bigEndian(sizes[4:8])
		if size == 0 && len(sizes) >= 16 {
			size = bigEndian(sizes[12:16])
		}
		for kind, entry := range boxes(box(table, "stsd"), descriptionsHead) {
			if len(entry) < entryHead {
				break
			}
			it := &item{kind: kind}
			it.add(f.bytes, at, size, len(f.bytes))
			extent := make([]byte, 12)
			binary.BigEndian.PutUint32(extent[4:], uint32(bigEndian(entry[sizeAt:sizeAt+2])))
			binary.BigEndian.PutUint32(extent[8:], uint32(bigEndian(entry[sizeAt+2:sizeAt+4])))
			it.properties = append(it.properties, property{"ispe", extent})
			for kind, body := range boxes(entry[entryHead:], noHead) {
				if it.properties = append(it.properties, property{kind, body}); len(it.properties) == most {
					break
				}
			}
			return it
		}
	}
	return nil
}

func descriptionsHead([]byte) int { return 8 }

// firstChunk returns the offset of a track's first chunk.
func firstChunk(table []byte) (at int, ok bool) {
	if b := box(table, "stco"); len(b) >= 12 {
		return bigEndian(b[8:12]), true
	}
	if b := box(table, "co64"); len(b) >= 16 {
		return bigEndian(b[8:16]), true
	}
	return 0, false
}
