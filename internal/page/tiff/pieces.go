package tiff

import (
	"context"
	"io"
)

// decoder decodes a page block by block. A block is a strip or tile, stored in a piece, or in a piece for each channel.
type decoder struct {
	*Page
	canvas
	unpacker
	blockWidth, blockHeight int
	across, down            int
	samples                 sampler
	packed                  []pixels // the block's pieces, decompressed
	line                    []byte   // a row of the block, one byte per sample
	front                   []byte   // the first bytes of each JPEG
	salvaged                int      // number of damaged pieces that were salvaged
}

func (p *Page) newDecoder(ctx context.Context) (*decoder, error) {
	d := &decoder{Page: p}
	d.blockWidth, d.blockHeight = p.block()
	if d.blockWidth == 0 || d.blockHeight == 0 || p.Width == 0 || p.Height == 0 {
		return nil, FormatError("it has no size")
	}
	d.across, d.down = ceilDiv(p.Width, d.blockWidth), ceilDiv(p.Height, d.blockHeight)
	if err := d.checkBlocks(); err != nil {
		return nil, err
	}
	err := p.checkPieces(ctx)
	if err == nil && p.jpeg() {
		d.front, err = p.jpegFront()
	}
	if err != nil {
		return nil, err
	}
	d.samples = p.sampler()
	d.canvas, err = p.newCanvas()
	return d, err
}

// checkBlocks bounds the pixels that are decoded outside the picture, which tiles at its edges may have.
func (d *decoder) checkBlocks() error {
	const least = 1 << 24 // a large tile of a small picture
	decoded := float64(d.across*d.down) * float64(d.blockWidth) * float64(d.blockHeight)
	if decoded > least+4*float64(d.Width)*float64(d.Height) {
		return FormatError("its tiles are much larger than its picture")
	}
	return nil
}

// rowBytes returns the size of a decompressed row of a piece.
func (d *decoder) rowBytes() int {
	if d.colour == ycbcr && d.planes == 1 {
		return ceilDiv(d.blockWidth, d.sampled[0]) * (d.sampled[0]*d.sampled[1] + 2)
	}
	return (d.blockWidth*d.n/d.planes*d.bits + 7) / 8
}

const errMissing = FormatError("part of the picture is missing")

// pieceSpare is the size that a piece may have in addition to four times the size of its samples. Apart from headers,
// no supported compression expands data more than that.
const pieceSpare = 64 << 10

// mostBytes returns the largest size of a piece in bytes.
func (p *Page) mostBytes() float64 {
	w, h := p.block()
	return pieceSpare + 4*float64(w)*float64(h)*float64(p.n)*float64(max(p.bits/8, 1))
}

// checkPieces bounds the cost of decoding by the size of the file. A decoder reads a piece to its end even where it has
// no pixels, so a piece must not be much larger than its samples can need. All pieces together must not be much larger
// than the file, or they overlap.
func (p *Page) checkPieces(ctx context.Context) error {
	most := p.mostBytes()
	sum := 0
	for i := range p.count(p.offsets()) {
		if i%(1<<16) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n := len(p.piece(i))
		if float64(n) > most {
			return FormatError("a strip has more bytes than its pixels can need")
		}
		sum += n
	}
	if sum > 2*len(p.file)+1<<20 { // some programs store equal tiles once
		return FormatError("its strips overlap")
	}
	return nil
}

// offsets returns the tag with the offsets of the pieces.
func (p *Page) offsets() uint16 {
	if p.count(tagTileOffsets) > 0 && p.tiled() {
		return tagTileOffsets
	}
	return tagStripOffsets
}

// piece returns the bytes of a piece that the file has. If its size is not declared, it ends at the next piece, at the
// end of the file, or at the largest size that its samples may need.
func (p *Page) piece(i int) []byte {
	offsets, counts := p.offsets(), uint16(tagStripCounts)
	if offsets == tagTileOffsets {
		counts = tagTileCounts
	}
	size := uint64(len(p.file))
	at := p.number(offsets, i, 0)
	if at == 0 || at >= size {
		return nil
	}
	n := p.number(counts, i, 0)
	if n == 0 {
		n = uint64(min(p.mostBytes(), float64(size)))
		if next := p.number(offsets, i+1, 0); next > at {
			n = min(n, next-at)
		}
	}
	return p.file[at:][:min(n, size-at)]
}

// cut converts a decompressor's error to a FormatError.
func cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrCut
	}
	return FormatError("its compressed data is broken")
}

func ceilDiv(a, b int) int { return (a-1)/b + 1 }
