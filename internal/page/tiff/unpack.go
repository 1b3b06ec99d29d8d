package tiff

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"math/bits"

	"github.com/bucketocr/bucketocr/internal/page/ccitt"
)

// unpacker holds buffers that are reused for all pieces.
type unpacker struct {
	inflater io.ReadCloser
	strings  lzwStrings
	reversed []byte
}

// unpack decompresses a piece into dst and returns the number of valid bytes. It stops when dst is full, whatever the
// rest of src holds. Errors: FormatError, UnsupportedError, or ctx's.
func (d *decoder) unpack(ctx context.Context, dst, src []byte) (n int, err error) {
	if len(src) == 0 {
		return 0, errMissing
	}
	if d.number(tagFillOrder, 0, 1) == 2 {
		src = d.unreversed(src)
	}
	switch d.compression() {
	case packBits:
		return unpackBits(dst, src), nil
	case lzw:
		return d.strings.unpack(dst, src), nil
	case deflate, oldDeflate:
		return d.inflate(dst, src)
	case faxRows, faxWords, fax3, fax4:
		return d.unpackFax(ctx, dst, src)
	}
	return copy(dst, src), nil
}

// unreversed reverses the bits of each byte.
func (u *unpacker) unreversed(src []byte) []byte {
	u.reversed = append(u.reversed[:0], src...)
	for i, b := range u.reversed {
		u.reversed[i] = bits.Reverse8(b)
	}
	return u.reversed
}

// unpackBits decompresses PackBits.
func unpackBits(dst, src []byte) (n int) {
	for len(src) > 1 && n < len(dst) {
		switch k := int(int8(src[0])); {
		case k >= 0:
			n += copy(dst[n:], src[1:min(2+k, len(src))])
			src = src[min(2+k, len(src)):]
		case k == -128: // no operation
			src = src[1:]
		default:
			end := min(n+1-k, len(dst))
			for ; n < end; n++ {
				dst[n] = src[1]
			}
			src = src[2:]
		}
	}
	return n
}

func (u *unpacker) inflate(dst, src []byte) (n int, err error) {
	if u.inflater == nil {
		u.inflater, err = zlib.NewReader(bytes.NewReader(src))
	} else {
		err = u.inflater.(zlib.Resetter).Reset(bytes.NewReader(src), nil)
	}
	if err != nil {
		u.inflater = nil
		return 0, cut(err)
	}
	if n, err = io.ReadFull(u.inflater, dst); err != nil {
		err = cut(err)
	}
	return n, err
}

// Bits of the fax options.
const (
	twoDimensional = 1 // in tagT4
	someAreRaw     = 2 // in tagT4 and tagT6
)

func (d *decoder) unpackFax(ctx context.Context, dst, src []byte) (int, error) {
	f := ccitt.Format{Width: d.blockWidth}
	switch options := d.number(tagT4, 0, 0); d.compression() {
	case fax3:
		f.TwoDimensional, f.Uncompressed = options&twoDimensional != 0, options&someAreRaw != 0
	case fax4:
		f.Coding, f.Uncompressed = ccitt.Group4, d.number(tagT6, 0, 0)&someAreRaw != 0
	case faxRows:
		f.Coding = ccitt.Bytes
	default:
		f.Coding = ccitt.Words
	}
	rows, err := f.Decode(ctx, dst, src)
	switch {
	case errors.Is(err, ccitt.ErrDamaged):
		err = FormatError("rows of its fax are missing or broken")
	case errors.Is(err, ccitt.ErrUncompressed):
		err = UnsupportedError("TIFF with fax in uncompressed mode")
	}
	return rows * d.rowBytes(), err
}
