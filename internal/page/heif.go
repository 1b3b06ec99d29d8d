package page

import (
	"context"
	"errors"
	"image"
	"slices"
	"strings"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// Engines of the two formats.
const (
	avifEngine = "avif"
	heicEngine = "heic"
)

// avifPages reads the header of an AVIF. Its engine neither crops nor turns the picture: what the file cuts off stays, since it
// may be read as well.
func avifPages(_ context.Context, o *object, _ int64) ([]entry, error) {
	each := int64(12)
	p, info, err := heifPicture(o.data, avifEngine)
	if info.Deep {
		each = 25
	}
	p.memory = times(4, p.pixels())
	p.rooms = heifRooms(each, p.pixels())
	return []entry{{picture: p}}, err
}

// heicPages reads the header of a HEIC. Its engine crops and turns the picture.
func heicPages(_ context.Context, o *object, _ int64) ([]entry, error) {
	p, info, err := heifPicture(o.data, heicEngine)
	if info.Cropped {
		p.changes = slices.Insert(p.changes, 0, "cropped")
	}
	if words := p.orientation.words(); words != "" {
		p.changes = slices.Insert(p.changes, 0, words)
	}
	p.width, p.height = p.orientation.size(p.width, p.height)
	p.orientation, p.maySmaller = upright, info.Cropped
	p.memory = times(4, p.pixels())
	p.rooms = heifRooms(7, p.pixels())
	return []entry{{picture: p}}, err
}

// heifPicture returns what the two formats have in common.
func heifPicture(file []byte, engine string) (*picture, heif.Info, error) {
	info, ok := heif.Read(file)
	p := &picture{call: engine + ".decode", header: header{width: info.Width, height: info.Height,
		orientation: orientation(info.Orientation), lossy: true, engine: engine}}
	if info.Deep {
		p.changes = []string{"reduced to 8 bits"}
	}
	if !ok {
		return p, info, corrupt("broken or cut-off "+strings.ToUpper(engine), nil)
	}
	return p, info, nil
}

// heifRooms are the bytes that an engine may use for so many pixels. Measured with 12 megapixels: HEIC takes under 7 bytes for
// each, AVIF under 12, of 10 bits 25. Second comes what a picture of another sampling may take.
func heifRooms(each, pixels int64) []int64 {
	return []int64{16<<20 + times(each, pixels), 32<<20 + times(2*each, pixels)}
}

// serveHEIF adds what the decoder process does with an AVIF or HEIC.
func serveHEIF(calls map[string]sandbox.Handler, engine string, e *heif.Engine) {
	calls[engine] = startHandler(e.Start)
	calls[engine+".decode"] = decoding(func(_ context.Context, file []byte, room int64, _ []int64) (image.Image, error) {
		img, err := e.Decode(file, room)
		switch {
		case errors.Is(err, heif.ErrRoom):
			err = errRoom
		case errors.Is(err, heif.ErrBroken):
			err = corrupt("broken or cut-off picture", err)
		}
		return img, err
	}).serve
}
