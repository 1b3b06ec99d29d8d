package salvage

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/draw"
	"image/png"
	"io"
)

// pngFile holds the chunks of a PNG that matter.
type pngFile struct {
	header               []byte // IHDR
	palette, transparent []byte
	pixels               *pixelReader // compressed
	wrong                bool         // an IDAT chunk does not match its checksum
}

// Colour types that are treated specially.
const (
	pngGray    = 0
	pngRGB     = 2
	pngPalette = 3
)

// PNG decodes a truncated PNG, or one with errors that libpng ignores: wrong checksums, misplaced or superfluous
// chunks. Rows from the first unreadable one on are white. PNG returns ErrNothing or the error of ctx.
func PNG(ctx context.Context, b []byte) (Part, error) {
	f := readPNG(b)
	if f.header == nil {
		return Part{}, ErrNothing
	}
	r := f.rewritten(ctx)
	img, err := png.Decode(r)
	switch {
	case ctx.Err() != nil:
		return Part{}, ctx.Err()
	case err != nil || r.there == 0:
		return Part{}, ErrNothing
	}
	if canvas, ok := img.(draw.Image); ok && r.there < r.all && len(r.passes) > 1 {
		r.coarsen(canvas)
	}
	return Part{Image: img, There: r.there, All: r.all, Wrong: r.badSum && f.wrong}, nil
}

// readPNG finds the chunks of a file.
func readPNG(b []byte) (f pngFile) {
	f.pixels = &pixelReader{file: b, at: 8}
	for at := 8; at+8 <= len(b); {
		n, kind := int64(binary.BigEndian.Uint32(b[at:])), string(b[at+4:at+8])
		body := b[at+8:]
		whole := int64(len(body)) >= n+4
		if int64(len(body)) > n {
			body = body[:n]
		}
		right := whole && binary.BigEndian.Uint32(b[at+8+len(body):]) == crc32.ChecksumIEEE(b[at+4:at+8+len(body)])
		switch {
		case kind == "IHDR" && f.header == nil && n == 13 && len(body) == 13:
			f.header = body
		case kind == "PLTE" && f.palette == nil:
			f.palette = body
		case kind == "tRNS" && right && f.transparent == nil:
			f.transparent = body
		case kind == "IDAT":
			f.wrong = f.wrong || !right
		case kind == "IEND":
			return f
		}
		if !whole {
			return f
		}
		at += 8 + len(body) + 4
	}
	return f
}

// pixelReader reads the bodies of the IDAT chunks.
type pixelReader struct {
	file []byte
	at   int    // index of the next chunk
	body []byte // the unread rest of a chunk
}

func (r *pixelReader) Read(p []byte) (int, error) {
	for len(r.body) == 0 {
		if r.at+8 > len(r.file) {
			return 0, io.EOF
		}
		n, kind := int(binary.BigEndian.Uint32(r.file[r.at:])), string(r.file[r.at+4:r.at+8])
		body := r.file[r.at+8:]
		if body = body[:min(n, len(body))]; kind == "IDAT" {
			r.body = body
		}
		if r.at += 8 + len(body) + 4; kind == "IEND" {
			r.at = len(r.file)
		}
	}
	n := copy(p, r.body)
	r.body = r.body[n:]
	return n, nil
}

// ReadByte implements io.ByteReader, so that decompressors do not read ahead through a buffer.
func (r *pixelReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := r.Read(b[:])
	return b[0], err
}

// pass is one pass of an interlaced picture, or all of another picture.
type pass struct {
	x, y, dx, dy int         // the first pixel and the distances between pixels
	cell         image.Point // cell of the lattice of earlier passes
	rows, size   int         // number of rows and bytes per row
	there        int         // rows decoded
}

// passesOf returns the non-empty passes of a picture.
func passesOf(width, height, bits int, interlaced bool) (all []pass) {
	list := []pass{{dx: 1, dy: 1}}
	if interlaced {
		list = []pass{{dx: 8, dy: 8}, {x: 4, dx: 8, dy: 8, cell: image.Pt(8, 8)},
			{y: 4, dx: 4, dy: 8, cell: image.Pt(4, 8)},
			{x: 2, dx: 4, dy: 4, cell: image.Pt(4, 4)}, {y: 2, dx: 2, dy: 4, cell: image.Pt(2, 4)},
			{x: 1, dx: 2, dy: 2, cell: image.Pt(2, 2)}, {y: 1, dx: 1, dy: 2, cell: image.Pt(1, 2)}}
	}
	for _, p := range list {
		across := (width - p.x + p.dx - 1) / p.dx
		p.rows, p.size = (height-p.y+p.dy-1)/p.dy, 1+(across*bits+7)/8
		if across > 0 && p.rows > 0 {
			all = append(all, p)
		}
	}
	return all
}

// rewriter is a reader of the file as an intact, uncompressed PNG with white in place of missing pixels.
type rewriter struct {
	ctx        context.Context
	from       io.Reader // decompressed pixels
	out        bytes.Buffer
	to         *zlib.Writer
	passes     []pass
	at         int // index of the pass
	next       int // its next row
	row        []byte
	white      byte
	missing    bool // all rows from here on
	badSum     bool
	done       bool
	there, all int // rows decoded and in all
}

// rewritten returns a rewriter of the file.
func (f *pngFile) rewritten(ctx context.Context) *rewriter {
	width, height := int(binary.BigEndian.Uint32(f.header)), int(binary.BigEndian.Uint32(f.header[4:]))
	depth, colour := int(f.header[8]), f.header[9]
	channels := map[byte]int{pngRGB: 3, 4: 2, 6: 4}[colour]
	r := &rewriter{ctx: ctx, white: 255, passes: passesOf(width, height, max(channels, 1)*depth, f.header[12] == 1)}
	largest := 0
	for _, p := range r.passes {
		r.all += p.rows
		largest = max(largest, p.size)
	}
	r.row = make([]byte, largest)
	r.out.WriteString("\x89PNG\r\n\x1a\n")
	r.chunk("IHDR", f.header)
	transparent := f.transparent
	switch colour {
	case pngGray:
		transparent = transparent[:min(len(transparent), 2)/2*2]
	case pngRGB:
		transparent = transparent[:min(len(transparent), 6)/6*6]
	case pngPalette:
		palette := f.palette[:min(len(f.palette)/3, 1<<depth)*3]
		if len(transparent) > len(palette)/3 {
			transparent = nil // as in libpng
		}
		r.chunk("PLTE", palette)
		r.white = lightest(palette, depth)
	default: // alpha: missing pixels are transparent
		transparent, r.white = nil, 0
	}
	if len(transparent) > 0 {
		r.chunk("tRNS", transparent)
	}
	var err error
	if r.from, err = zlib.NewReader(f.pixels); err != nil { // it has read the two header bytes
		r.from, r.badSum = flate.NewReader(f.pixels), true
	}
	if r.to, err = zlib.NewWriterLevel(chunkWriter{r}, zlib.NoCompression); err != nil {
		panic(err) // unreachable: the level is valid
	}
	return r
}

// lightest returns the index of a palette's lightest colour, repeated to fill a byte.
func lightest(palette []byte, depth int) byte {
	best, light := 0, -1
	for i := 0; i+3 <= len(palette); i += 3 {
		if sum := int(palette[i]) + int(palette[i+1]) + int(palette[i+2]); sum > light {
			best, light = i/3, sum
		}
	}
	all := byte(0)
	for range 8 / max(depth, 1) {
		all = all<<depth | byte(best)
	}
	return all
}

// chunk writes a chunk.
func (r *rewriter) chunk(kind string, body []byte) {
	var head [8]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(body)))
	copy(head[4:], kind)
	r.out.Write(head[:])
	r.out.Write(body)
	sum := crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, body)
	r.out.Write(binary.BigEndian.AppendUint32(nil, sum))
}

// chunkWriter writes every write as an IDAT chunk.
type chunkWriter struct{ r *rewriter }

func (w chunkWriter) Write(b []byte) (int, error) {
	w.r.chunk("IDAT", b)
	return len(b), nil
}

func (r *rewriter) Read(p []byte) (int, error) {
	for r.out.Len() == 0 && !r.done {
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		if err := r.nextRow(); err != nil {
			return 0, err
		}
	}
	return r.out.Read(p)
}

// nextRow writes the next row, or the end of the file.
func (r *rewriter) nextRow() error {
	if r.at == len(r.passes) {
		r.done = true
		if !r.missing { // the checksum follows
			_, err := r.from.Read(make([]byte, 1))
			r.badSum = r.badSum || err == zlib.ErrChecksum
		}
		if err := r.to.Close(); err != nil {
			return err
		}
		r.chunk("IEND", nil)
		return nil
	}
	p := &r.passes[r.at]
	row := r.row[:p.size]
	if !r.missing {
		_, err := io.ReadFull(r.from, row)
		if r.missing = err != nil || row[0] > 4; !r.missing {
			p.there++
			r.there++
		}
	}
	if r.missing {
		row[0] = 0
		for i := 1; i < len(row); i++ {
			row[i] = r.white
		}
	}
	if r.next++; r.next == p.rows {
		r.at, r.next = r.at+1, 0
	}
	_, err := r.to.Write(row)
	return err
}

// coarsen gives each missing pixel of an interlaced picture the colour of a nearby pixel from an earlier pass.
func (r *rewriter) coarsen(m draw.Image) {
	b := m.Bounds()
	for _, p := range r.passes {
		for y := p.y + p.there*p.dy; y < b.Dy() && p.cell.X > 0; y += p.dy {
			for x := p.x; x < b.Dx(); x += p.dx {
				m.Set(b.Min.X+x, b.Min.Y+y, m.At(b.Min.X+x-x%p.cell.X, b.Min.Y+y-y%p.cell.Y))
			}
		}
	}
}
