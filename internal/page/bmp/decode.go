package bmp

import (
	"context"
	"image"
	"image/color"
)

// Decode decodes the picture of a file, whose header was read from its first bytes. It returns the number of rows that
// the file has; the others are white. The error is ctx's.
func (p *Picture) Decode(ctx context.Context, file []byte) (img image.Image, rows int, err error) {
	c := p.canvas(file)
	switch p.compression {
	case runs8, runs4, runs24:
		rows, err = p.readRuns(ctx, p.pixelsOf(file), c)
	default:
		rows, err = p.readRows(ctx, p.pixelsOf(file), c)
	}
	return c.image(), rows, err
}

// pixelsOf returns the bytes that hold the pixels.
func (p *Picture) pixelsOf(file []byte) []byte {
	at := p.pixels
	if p.depth <= 8 && at == p.palette { // the offset ignores the palette, which is there nevertheless
		at = 0
	}
	if after := p.palette + p.entrySize*len(p.paletteOf(file)); at < p.palette || at >= len(file) && after < len(file) {
		at = after
	}
	return file[min(at, len(file)):]
}

// paletteOf returns the palette, which ends at the pixels at the latest.
func (p *Picture) paletteOf(file []byte) color.Palette {
	if p.depth > 8 {
		return nil
	}
	n, end := 1<<p.depth, len(file)
	if p.colours > 0 {
		n = min(n, p.colours)
	}
	if p.pixels > p.palette {
		end = min(end, p.pixels)
	}
	var all color.Palette
	for at := p.palette; len(all) < n && at+p.entrySize <= end; at += p.entrySize {
		all = append(all, color.RGBA{file[at+2], file[at+1], file[at], 255})
	}
	return all
}
