package heif

import (
	"encoding/binary"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/bucketocr/bucketocr/internal/page/planes"
)

// Info describes the main picture of a file.
type Info struct {
	Width, Height int // as stored, before cropping and turning; over 0
	Deep          bool
	Crop          image.Rectangle // visible part
	Orientation   int             // Exif's number for the file's rotation and mirroring
	Codec         Codec
	Animation     bool // a sequence without a still; its first picture is used

	half   int64 // half bytes per pixel of the decoded picture
	coded  int64 // pixels of the largest coded part
	stream int64 // bytes of the largest coded part
}

// Codec is a codec of pictures.
type Codec string

// The codecs for which there is an engine.
const (
	HEVC Codec = "HEVC"
	AV1  Codec = "AV1"
)

// kinds maps types of items and samples to codecs.
var kinds = map[string]Codec{"hvc1": HEVC, "hev1": HEVC, "av01": AV1}

// others maps unsupported types to descriptions.
var others = map[string]string{"jpeg": "HEIF containing a JPEG", "unci": "uncompressed HEIF",
	"j2k1": "HEIF containing a JPEG 2000",
	"vvc1": "HEIF coded as VVC", "vvi1": "HEIF coded as VVC", "avc1": "HEIF coded as AVC (H.264)",
	"avc3": "HEIF coded as AVC (H.264)",
	"evc1": "HEIF coded as EVC", "lhv1": "layered HEIF", "hvt1": "HEIF made of HEVC tiles",
	"mski": "HEIF that is a mask",
	"tili": "HEIF made of tiles (tili)", "mp4v": "an MPEG-4 video", "vvi2": "HEIF coded as VVC"}

// Read reads the header of a file. It returns ErrBroken or an *Unsupported.
func Read(b []byte) (Info, error) {
	f, err := parse(b)
	if err != nil {
		return Info{}, err
	}
	info, err := f.info(f.main)
	info.Animation = f.animation
	if err == nil && f.alpha != nil {
		if a, err := f.info(f.alpha); err == nil {
			info.coded, info.stream = max(info.coded, a.coded), max(info.stream, a.stream)
		}
	}
	return info, err
}

// Memory returns the most bytes that the decoded picture takes.
func (i Info) Memory() int64 {
	if i.Width > math.MaxInt32 || i.Height > math.MaxInt32 || int64(i.Width)*int64(i.Height) > math.MaxInt64/8 {
		return math.MaxInt64
	}
	// Chroma planes may exceed the picture by a sample at the right and the bottom.
	return (int64(i.Width)*int64(i.Height)*i.half+1)/2 + 2*(int64(i.Width)+int64(i.Height)) + tables
}

const tables = 1 << 20

// Room returns the bytes of memory that suffice for decoding all but very unusual files: the planes of the largest
// coded part (a tile, in a tiled picture), the decoder's data and its copies of the stream. Measured with 12
// megapixels, AV1 takes up to 1 byte per pixel in addition to the planes, HEVC up to 2.5.
func (i Info) Room() int64 {
	half := i.half + 6
	if i.Deep {
		half += i.half
	}
	pixels := int64(i.Width) * int64(i.Height)
	if pixels > 1<<40 {
		return math.MaxInt64
	}
	return 16<<20 + min(i.coded, 4*pixels+1<<22)*half/2 + 2*i.stream // a part may declare a wrong size
}

// info returns the description of an item.
func (f *file) info(it *item) (Info, error) {
	info := Info{Orientation: 1}
	info.Width, info.Height = it.size()
	angle, mirror, mirrored, turned := byte(0), -1, false, false
	var crop []byte
	for _, p := range it.properties {
		switch {
		case p.kind == "clap" && len(p.body) >= 32 && !turned && !mirrored:
			crop = p.body
		case p.kind == "irot" && len(p.body) >= 1:
			// mirroring then turning equals turning the opposite way, then mirroring
			if angle, turned = p.body[0]&3, true; mirrored {
				angle = -angle & 3
			}
		case p.kind == "imir" && len(p.body) >= 1:
			mirror, mirrored = int(p.body[0]&1), true
		}
	}
	info.Orientation = orientation(angle, mirror)
	first, err := f.firstPart(it, 0)
	if err != nil {
		return info, err
	}
	if info.Codec = kinds[first.kind]; info.Codec == "" {
		return info, unsupported(first.kind)
	}
	if g, ok := f.grid(it); ok && info.Width == 0 {
		info.Width, info.Height = g.width, g.height
	}
	if info.Width <= 0 || info.Height <= 0 {
		return info, ErrBroken
	}
	w, h := first.size()
	info.coded, info.stream = int64(w)*int64(h), int64(first.length)
	for _, part := range f.distinct(it.parts) {
		w, h := part.size()
		info.coded, info.stream = max(info.coded, int64(w)*int64(h)), max(info.stream, int64(part.length))
	}
	form := first.form()
	info.Deep, info.half = form.deep, form.half
	info.Crop = cropped(crop, info.Width, info.Height)
	return info, nil
}

// cropped returns the visible part of a picture by a clap box, which holds width, height and the offset of the centre
// as fractions. An invalid box is ignored.
func cropped(b []byte, w, h int) image.Rectangle {
	all := image.Rect(0, 0, w, h)
	if b == nil {
		return all
	}
	var v [4]float64
	for i := range v {
		n, d := int32(binary.BigEndian.Uint32(b[8*i:])), int32(binary.BigEndian.Uint32(b[8*i+4:]))
		if d == 0 {
			return all
		}
		v[i] = float64(n) / float64(d)
	}
	left, top := math.Round(v[2]+(float64(w)-v[0])/2), math.Round(v[3]+(float64(h)-v[1])/2)
	if left < 0 || top < 0 || v[0] < 1 || v[1] < 1 || left+v[0] > float64(w)+0.5 || top+v[1] > float64(h)+0.5 {
		return all
	}
	return image.Rect(int(left), int(top), int(left+v[0]+0.5), int(top+v[1]+0.5)).Intersect(all)
}

// orientation returns Exif's number for a counterclockwise turn by quarters, then mirroring: top to bottom (0), left to
// right (1) or none (-1).
func orientation(quarters byte, mirror int) int {
	return map[int][4]int{-1: {1, 8, 3, 6}, 0: {4, 5, 2, 7}, 1: {2, 7, 4, 5}}[mirror][quarters]
}

func unsupported(kind string) error {
	what := others[kind]
	if what == "" {
		what = fmt.Sprintf("HEIF of unknown kind (%q)", kind)
	}
	return &Unsupported{what}
}

// size returns the size that an item declares, or 0, 0.
func (it *item) size() (w, h int) {
	if b := it.property("ispe"); len(b) >= 12 {
		return min(bigEndian(b[4:8]), math.MaxInt32), min(bigEndian(b[8:12]), math.MaxInt32)
	}
	return 0, 0
}

// form describes the samples of a coded item.
type form struct {
	half       int64 // half bytes per pixel with 8 bits per sample
	deep, gray bool
}

func (it *item) form() form {
	sampling, deep := 3, false
	if b := it.property("hvcC"); len(b) >= 23 {
		sampling, deep = int(b[16]&3), b[17]&7 > 0 || b[18]&7 > 0
	} else if b := it.property("av1C"); len(b) >= 4 {
		deep = b[2]&0x40 != 0
		sampling = map[byte]int{0: 3, 8: 2, 12: 1}[b[2]&12]
		if b[2]&0x10 != 0 {
			sampling = 0
		}
	}
	return form{half: [...]int64{2, 3, 4, 6}[sampling], deep: deep, gray: sampling == 0}
}

// colours returns the colours that an item's nclx box declares, if it has one.
func (it *item) colours() (matrix planes.Matrix, full, ok bool) {
	for _, p := range it.properties {
		if p.kind == "colr" && len(p.body) >= 11 && string(p.body[:4]) == "nclx" {
			return planes.Matrix(bigEndian(p.body[8:10])), p.body[10]&0x80 != 0, true
		}
	}
	return 0, false, false
}

// distinct returns the items that have one of the IDs, each once: a hostile file may name an item with most properties
// most times.
func (f *file) distinct(ids []int) (all []*item) {
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if it := f.items[id]; it != nil {
			all = append(all, it)
		}
	}
	return all
}

// part returns part n of an item.
func (f *file) part(it *item, n int) (*item, error) {
	if n < len(it.parts) {
		if part := f.items[it.parts[n]]; part != nil {
			return part, nil
		}
	}
	return nil, ErrBroken
}

// firstPart returns the first coded picture of an item.
func (f *file) firstPart(it *item, depth int) (*item, error) {
	if depth > mostDepth {
		return nil, ErrBroken
	}
	switch it.kind {
	case "grid", "iden", "tmap", "iovl":
		part, err := f.part(it, 0)
		if err != nil {
			return nil, err
		}
		return f.firstPart(part, depth+1)
	}
	return it, nil
}

type grid struct{ rows, columns, width, height int }

// grid returns the layout of a tiled picture. ok is false for other pictures.
func (f *file) grid(it *item) (g grid, ok bool) {
	head := it.head(12)
	if it.kind != "grid" || len(head) < 8 {
		return g, false
	}
	size := 2 + 2*int(head[1]&1)
	if len(head) < 4+2*size {
		return g, false
	}
	return grid{rows: int(head[2]) + 1, columns: int(head[3]) + 1, width: bigEndian(head[4 : 4+size]),
		height: bigEndian(head[4+size : 4+2*size])}, true
}
