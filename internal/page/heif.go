package page

import (
	"context"
	"errors"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// heifHolder is the format whose engine has that name; nil where the program was built without it.
func heifHolder(name, engine string) *holder {
	if engine == "heic" && heif.HEIC() == nil {
		return nil
	}
	return &holder{rooms: []int64{0}, list: func(_ context.Context, b []byte, lim Limits, _ int64) ([]leaf, error) {
		return alone(openHEIF(name, engine, b))(lim)
	}}
}

// openHEIF reads the header of an AVIF or HEIC. The decoder of HEIC crops and turns the picture by itself. That
// of AVIF does neither: what is cut off stays, since it may be read as well.
func openHEIF(name, engine string, b []byte) (*header, error) {
	info, ok := heif.Read(b)
	if !ok {
		return nil, corrupt("broken or cut-off "+name, nil)
	}
	o := orientation(info.Orientation)
	h := &header{format: name, foreign: true, width: info.Width, height: info.Height, orientation: o, lossy: true, channels: 3,
		engine: engine}
	if engine == "heic" {
		h.width, h.height = o.size(h.width, h.height)
		h.orientation = upright
		h.turned = o
		if info.Cropped {
			h.atMost = true
			h.mends = append(h.mends, "cropped")
		}
	}
	if info.Deep {
		h.mends = append(h.mends, "reduced to 8 bits")
	}
	h.memory = times(8, h.pixels()) // as the child sends it and as it is received
	if engine == "heic" {
		h.memory = times(5, h.pixels())
	}
	h.rooms = heifRooms(engine, info.Deep, h.pixels())
	h.decode = func(in input) (image.Image, error) {
		m, err := decodeCall(in.ctx, engine+".decode", in.data, in.room)
		if err != nil {
			return nil, err
		}
		return received(m)
	}
	return h, nil
}

// heifRooms are the bytes that a decoder is given. Measured with 12 megapixels: HEIC takes under 7 bytes for each, AVIF under
// 12, of 10 bits 25. Second comes what a picture of another sampling may take.
func heifRooms(engine string, deep bool, pixels int64) []int64 {
	each := int64(7)
	switch {
	case engine == "avif" && deep:
		each = 25
	case engine == "avif":
		each = 12
	}
	return []int64{16<<20 + times(each, pixels), 32<<20 + times(2*each, pixels)}
}

// heifCalls are what the child does with an AVIF or HEIC. The number is the room.
func heifCalls(calls map[string]sandbox.Handler, name string, e *heif.Engine) {
	calls[name] = starts(e.Start)
	calls[name+".decode"] = func(m sandbox.Message) (sandbox.Message, error) {
		img, err := e.Decode(m.Data, m.Args[0])
		switch {
		case errors.Is(err, heif.ErrRoom):
			return sandbox.Message{}, errRoom
		case errors.Is(err, heif.ErrBroken):
			return sandbox.Message{}, corrupt("broken or cut-off picture", err)
		case err != nil:
			return sandbox.Message{}, err
		}
		return sent(img)
	}
}
