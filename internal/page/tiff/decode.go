package tiff

import (
	"context"
	"errors"
	"image"
)

// Decode decodes the page of the file b. The picture is an opaque *image.Gray, *image.Paletted or *image.YCbCr, or an
// *image.NRGBA. Missing or broken parts are white; damage then describes the first fault. If nothing can be decoded,
// err does. Other errors are the page's own Err, UnsupportedError, and ctx's, which is checked between pieces and, in
// fax, between rows.
func (p *Page) Decode(ctx context.Context, b []byte) (img image.Image, damage, err error) {
	if p.Err != nil {
		return nil, nil, p.Err
	}
	for _, e := range p.entries {
		if e.at+e.count*sizeOf(e.kind) > len(b) {
			return nil, nil, ErrCut
		}
	}
	q := *p
	q.file = b
	if q.compression() == oldJPEG && !q.isNewJPEG() {
		return q.decodeOldJPEG(ctx)
	}
	d, err := q.newDecoder(ctx)
	if err != nil {
		return nil, nil, err
	}
	shown, known := false, q.count(d.offsets())
	if known < d.across*d.down {
		damage = errMissing
	}
	for i := range min(d.across*d.down, known) {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		rows, err := d.block(ctx, i)
		switch _, broken := errors.AsType[FormatError](err); {
		case err != nil && !broken:
			return nil, nil, err
		case damage == nil:
			damage = err
		}
		shown = shown || rows > 0
	}
	if !shown {
		return nil, nil, damage
	}
	return d.finished(), damage, nil
}

// block decodes one block of pixels and returns the number of its complete rows. A FormatError means that rows are
// missing.
func (d *decoder) block(ctx context.Context, i int) (rows int, err error) {
	x, y := i%d.across*d.blockWidth, i/d.across*d.blockHeight
	want := min(d.blockHeight, d.Height-y)
	if d.jpeg() {
		return d.jpegBlock(ctx, i, x, y, want)
	}
	if d.packed == nil {
		d.packed = make([]pixels, d.planes)
		for plane := range d.packed {
			d.packed[plane] = pixels{stride: d.rowBytes(),
				pix: make([]byte, d.rowBytes()*ceilDiv(min(d.blockHeight, d.Height), d.unitRows()))}
		}
	}
	rows = want
	for plane, p := range d.packed {
		packed := p.pix[:d.rowBytes()*ceilDiv(want, d.unitRows())]
		n, failed := d.unpack(ctx, packed, d.piece(plane*d.across*d.down+i))
		if failed != nil {
			err = failed
		}
		rows = min(rows, n/d.rowBytes()*d.unitRows())
		if d.predicted() {
			d.undoDifferences(packed[:n])
		}
	}
	if _, broken := errors.AsType[FormatError](err); err != nil && !broken {
		return 0, err
	}
	if rows < want && err == nil {
		err = ErrCut
	}
	if d.colour == ycbcr && d.planes == 1 {
		d.putUnits(x, y, rows)
		return rows, err
	}
	d.putRows(x, y, rows, d.packed...)
	return rows, err
}

// unitRows returns how many rows of pixels are stored as one row.
func (d *decoder) unitRows() int {
	if d.colour == ycbcr && d.planes == 1 && !d.jpeg() {
		return d.sampled[1]
	}
	return 1
}
