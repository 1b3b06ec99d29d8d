package page

import (
	"context"
	"errors"
	"image"
	"strings"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// Names of the engines.
const (
	avifEngine = "avif"
	heicEngine = "heic"
)

// heifPages reads the header of an AVIF or HEIC.
func heifPages(_ context.Context, o *object, _ int64) ([]entry, error) {
	info, err := heif.Read(o.file.Bytes())
	if err != nil {
		return nil, heifComplaint(o.format.name, err)
	}
	engine := avifEngine
	if info.Codec == heif.HEVC {
		if engine = heicEngine; heif.HEIC() == nil {
			return nil, unsupported("HEIC is not supported by this build")
		}
	}
	p := &picture{
		call: engine + ".decode",
		header: header{width: info.Width, height: info.Height, orientation: orientation(info.Orientation),
			lossy: true, engine: engine, memory: info.Memory(), rooms: []int64{info.Room(), times(3, info.Room())}}}
	if info.Animation {
		p.changes = append(p.changes, "first picture of an animation")
	}
	if size := info.Crop.Size(); size != image.Pt(info.Width, info.Height) {
		p.changes, p.maySmaller = append(p.changes, "cropped"), true
	}
	if info.Deep {
		p.changes = append(p.changes, "reduced to 8 bits")
	}
	return []entry{{picture: p}}, nil
}

// heifComplaint converts errors about the file to *Error.
func heifComplaint(format string, err error) error {
	other, isOther := errors.AsType[*heif.Unsupported](err)
	switch {
	case isOther:
		return unsupported(other.Error())
	case errors.Is(err, heif.ErrRoom):
		return errRoom
	case errors.Is(err, heif.ErrCrash):
		return errDied
	case errors.Is(err, heif.ErrBroken):
		return &Error{Kind: Corrupt, Msg: "damaged or cut-off " + format}
	}
	return err
}

// serveHEIF adds the AVIF or HEIC handler of the decoder process.
func serveHEIF(calls map[string]sandbox.Handler, engine string, e *heif.Engine) {
	calls[engine+".decode"] = decoding(func(_ context.Context, file []byte, room int64, _ []int64) (image.Image,
		error) {
		img, err := e.Decode(file, room)
		return img, heifComplaint(strings.ToUpper(engine), err)
	}).serve
}
