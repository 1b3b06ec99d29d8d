package tiff

import (
	"context"
	"io"
)

// decoder decodes a page block by block.
type decoder struct {
	*Page
	canvas
	unpacker
	blockWidth, blockHeight int
	across, down            int
	samples                 sampler
	packed                  []pixels // the block's pieces, decompressed
	line                    []byte   // a row of it, a byte each sample
	front                   []byte   // of each JPEG
	salvaged                int      // pieces of which what is left was looked for
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

// checkBlocks bounds how many pixels are decoded that are not in the picture, since tiles at its edges may have them.
func (d *decoder) checkBlocks() error {
	const least = 1 << 24 // a large tile of a small picture
	decoded := float64(d.across*d.down) * float64(d.blockWidth) * float64(d.blockHeight)
	if decoded > least+4*float64(d.Width)*float64(d.Height) {
		return FormatError("its tiles are much larger than its picture")
	}
	return nil
}

// rowBytes is the size of a row of a piece, unpacked.
func (d *decoder) rowBytes() int {
	if d.colour == ycbcr && d.planes == 1 {
		return ceilDiv(d.blockWidth, d.sampled[0]) * (d.sampled[0]*d.sampled[1] + 2)
	}
	return (d.blockWidth*d.n/d.planes*d.bits + 7) / 8
}

const errMissing = FormatError("a part of the picture is missing")

// What a piece of a picture may have beside four times what its samples take: all kinds of compression that are decoded
// here make data larger by less than that at worst, but for headers.
const pieceSpare = 64 << 10

// mostBytes bounds the bytes of a piece.
func (p *Page) mostBytes() float64 {
	w, h := p.block()
	return pieceSpare + 4*float64(w)*float64(h)*float64(p.n)*float64(max(p.bits/8, 1))
}

// checkPieces bounds what decoding takes by the size of the file: no piece has much more bytes than its samples can
// need, which a decoder reads to their end even where they mean nothing, and all together not much more than the file,
// or they would overlap.
func (p *Page) checkPieces(ctx context.Context) error {
	most := p.mostBytes()
	sum := 0
	for i := range p.count(p.offsets()) {
		if i%(1<<16) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n := len(p.piece(i))
		if float64(n) > most {
			return FormatError("a strip has more bytes than its picture can take")
		}
		sum += n
	}
	if sum > 2*len(p.file)+1<<20 { // some writers store equal tiles once
		return FormatError("its strips overlap")
	}
	return nil
}

// offsets is the tag of where the pieces lie.
func (p *Page) offsets() uint16 {
	if p.count(tagTileOffsets) > 0 && p.tiled() {
		return tagTileOffsets
	}
	return tagStripOffsets
}

// piece returns the bytes of a strip or tile, as far as the file has them. Of one that does not say how many it has
// they end with the next piece or, of the last, with the file, or with what its samples may take.
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

// cut is what a decompressor's error says of the file.
func cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrCut
	}
	return FormatError("its compressed data is broken")
}

func ceilDiv(a, b int) int { return (a-1)/b + 1 }
