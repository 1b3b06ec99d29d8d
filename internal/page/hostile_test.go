package page

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// hostile is a malicious or broken file and its expected result: an error of one of these kinds, or a page for "".
type hostile struct {
	name string
	data []byte
	want []Kind
}

func cases(t testing.TB) (all []hostile) {
	add := func(name string, data []byte, want ...Kind) { all = append(all, hostile{name, data, want}) }
	put := func(data []byte, at int, b ...byte) []byte {
		data = bytes.Clone(data)
		copy(data[at:], b)
		return data
	}
	gray := pagetest.Paper(80, 60, 9)
	progressive, baseline := testFile(t, "video-001.q50.420.progressive.jpeg"), testFile(t, "video-001.q50.420.jpeg")
	add("nothing", nil, Empty)
	add("text", []byte("hello, world"), Unsupported)
	add("script", []byte("<svg onload=alert(1)>"), Unsupported)
	add("zip", []byte("PK\x03\x04"), Unsupported)
	add("zeros", make([]byte, 1<<20), Unsupported)

	// Pictures that declare a large size.
	add("progressive JPEG of 4 gigapixels", pagetest.WithJPEGSize(progressive, 65500, 65500), TooLarge)
	add("baseline JPEG of 4 gigapixels", pagetest.WithJPEGSize(baseline, 65500, 65500), TooLarge)
	add("JPEG just over", pagetest.WithJPEGSize(baseline, 7746, 7746), TooLarge)
	add("PNG of 3.6 gigapixels", pagetest.WithPNGSize(testFile(t, "basn0g01-30.png"), 60000, 60000), TooLarge)
	add("PNG of all there is", pagetest.WithPNGSize(testFile(t, "basn6a16.png"), 1<<31-1, 1<<31-1), TooLarge)
	add("PNG as long as possible", pagetest.WithPNGSize(testFile(t, "basn6a16.png"), 1<<31-1, 1), TooLarge)
	gif := testFile(t, "video-005.gray.gif")
	frame := bytes.LastIndex(gif[:900], []byte{0x2c, 0, 0, 0, 0})
	add("GIF of 4 gigapixels", put(put(gif, frame+5, 0xff, 0xff, 0xff, 0xff), 6, 0xff, 0xff, 0xff, 0xff), TooLarge)
	add("GIF larger than its screen", put(gif, frame+5, 0xff, 4), Corrupt, "")
	bmp := testFile(t, "bmp_8bpp.bmp")
	add("BMP of 4 gigapixels", put(bmp, 18, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0), TooLarge)
	add("BMP upside down and large", put(bmp, 18, 0xff, 0xff, 0, 0, 1, 0, 0xff, 0xff), TooLarge)
	add("BMP of negative width", put(bmp, 18, 0xff, 0xff, 0xff, 0xff), Corrupt)
	four := pagetest.FourGrays(80, 60)
	broken := pagetest.BMP{Header: 40, Depth: 8, Compression: 1}.Write(four)
	add("BMP of runs that go nowhere",
		append(broken[:len(broken)/2:len(broken)/2], bytes.Repeat([]byte{0, 2, 0, 0}, 1<<18)...), Corrupt, "")
	add("BMP of runs outside of it", append(broken[:1078:1078], bytes.Repeat([]byte{0, 2, 255, 255, 255, 1}, 1<<18)...),
		Corrupt, "")
	add("BMP whose pixels are nowhere", put(broken, 10, 0xff, 0xff, 0xff, 0xff), Corrupt, "")
	strange := pagetest.GIF{}.Write(four)
	add("GIF of clear codes", append(strange[:40:40], bytes.Repeat([]byte{0xff, 0x44}, 1<<19)...), Corrupt, "")
	add("GIF of stray bytes", append(strange[:25:25], make([]byte, 1<<20)...), Corrupt)
	add("GIF outside of its screen", pagetest.GIF{At: image.Pt(65535, 65535)}.Write(four), TooLarge)
	restarts := pagetest.BlockJPEG(64, 64, [][2]int{{1, 1}}, -1, func(_, x, y int) byte { return byte(x * y) })
	at := bytes.Index(restarts, []byte{0xff, 0xd0})
	add("JPEG of a million markers",
		slices.Concat(restarts[:at], bytes.Repeat([]byte{0xff, 0xe5}, 1<<19), restarts[at:]), Corrupt, "")
	add("JPEG of a million wrong restarts", slices.Concat(restarts[:at], bytes.Repeat([]byte{0xff, 0xd7}, 1<<19)),
		Corrupt, "")
	add("JPEG of a million scans", append(restarts[:at:at], bytes.Repeat(restarts[at-60:at], 1<<14)...), Corrupt, "")
	pixels := bytes.Index(pagetest.EncodePNG(gray), []byte("IDAT")) - 4
	add("PNG of a million empty chunks",
		append(pagetest.EncodePNG(gray)[:pixels:pixels],
			bytes.Repeat([]byte("\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e"), 1<<17)...), Corrupt)
	webp, lossless := testFile(t, "video-001.lossy.webp"), testFile(t, "gopher-doc.4bpp.lossless.webp")
	add("WebP of 268 megapixels", put(webp, 26, 0xff, 0x3f, 0xff, 0x3f), TooLarge)
	add("lossless WebP of 268 megapixels", put(lossless, 21, 0xff, 0xff, 0xff, 0x0f), TooLarge)
	add("WebP on a huge canvas",
		riff(append(appendChunk(nil, "VP8X", []byte{0x10, 0, 0, 0, 0xff, 0xff, 0, 0xff, 0x7f, 0}), webp[12:]...)),
		TooLarge, Corrupt)
	for name, file := range map[string][]byte{"AVIF": testFile(t, "colour.avif"), "HEIC": testFile(t, "colour.heic")} {
		at := bytes.Index(file, []byte("ispe")) + 8
		add(name+" of 4 gigapixels", put(file, at, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff), TooLarge)
		add(name+" of no width", put(file, at, 0, 0, 0, 0), Corrupt)
		add(name+", half", file[:len(file)/2], Corrupt)
		add(name+", header only", file[:40], Corrupt)
		add(name+" of zeros", append(file[:len(file)/3:len(file)/3], make([]byte, len(file)/2)...), Corrupt, "")
	}
	grid := pagetest.Grid{Columns: 2, Rows: 2, TileWidth: 208, TileHeight: 160, Width: 400, Height: 300, Mirror: -1}
	tiles := pagetest.HEIC(testFile(t, "tiles.heic"), grid)
	own := bytes.Index(tiles, []byte("dimg"))
	add("HEIC whose tiles are itself", put(tiles, own+8, bytes.Repeat(tiles[own+4:own+6], 4)...), Corrupt)
	add("HEIC whose tiles are one", put(tiles, own+8, bytes.Repeat([]byte{0, 1}, 4)...), "")
	large := bytes.Index(tiles, []byte("ispe")) + 8
	add("HEIC whose tiles are said to be large", put(tiles, large, 0, 1, 0, 0, 0, 1, 0, 0), "", TooLarge)
	add("HEIC of a sequence of nothing", pagetest.HEICSequence(testFile(t, "tiles.heic"), 0, 0), Corrupt)
	add("HEIC of a sequence as large as can be", pagetest.HEICSequence(testFile(t, "tiles.heic"), 65535, 65535),
		TooLarge)
	add("HEIC coded as what it is not",
		pagetest.HEIC(testFile(t, "tiles.heic"), pagetest.Grid{Columns: 2, Rows: 2, TileWidth: 208, TileHeight: 160,
			Width: 400, Height: 300, Mirror: -1, Kind: "av01"}), Corrupt)
	jpx := testFile(t, "small.jp2")
	siz := bytes.Index(jpx, []byte(codestreamMagic)) + 8
	add("JPEG 2000 of 4 gigapixels", put(jpx, siz, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff), TooLarge)
	add("JPEG 2000 that begins behind its end", put(jpx, siz+8, 0, 0, 0xff, 0xff), Corrupt)
	add("JPEG 2000 that is larger than it is", put(jpx, siz, 0, 0, 0x10, 0, 0, 0, 0x10, 0), "", Corrupt, TooLarge)
	add("JPEG 2000, half", jpx[:len(jpx)/2], Corrupt)
	tiff := func(p pagetest.Picture) []byte { return pagetest.TIFF(binary.LittleEndian, p) }
	g := pagetest.Gray(gray, 60)
	add("TIFF of 4 gigapixels", tiff(g.With(256, 4, 65535).With(257, 4, 65535)), TooLarge)
	add("TIFF of all there is", tiff(g.With(256, 4, 1<<32-1).With(257, 4, 1<<32-1)), TooLarge)
	add("TIFF of huge tiles", tiff(g.With(322, 4, 1<<31).With(323, 4, 1<<31)), TooLarge, Corrupt)
	add("TIFF of a million strips", tiff(g.With(256, 4, 9).With(257, 4, 1<<20).With(278, 4, 1)), Corrupt)
	add("TIFF that is fax and is not", tiff(g.With(259, 3, 4).With(258, 3, 1).With(256, 4, 7000).With(257, 4, 7000)),
		Corrupt, "")
	add("TIFF of deflated nothing", tiff(g.With(259, 3, 8)), Corrupt)
	add("TIFF of broken LZW", tiff(g.With(259, 3, 5)), Corrupt)
	add("TIFF of an endless fax of nothing",
		tiff(pagetest.Picture{Tags: pagetest.Fax(gray, 4, 60, pagetest.FaxOptions{}).With(256, 4, 7000).With(257, 4,
			7000).With(278, 4, 7000).Tags,
			Strips: [][]byte{bytes.Repeat([]byte{0xff}, 1<<20)}}), "")
	add("TIFF of fax that is all fill",
		tiff(pagetest.Picture{Tags: pagetest.Fax(gray, 3, 60, pagetest.FaxOptions{}).Tags,
			Strips: [][]byte{make([]byte, 1<<16)}}), Corrupt)
	add("TIFF of fax with runs of no pixels",
		tiff(pagetest.Picture{Tags: pagetest.Fax(gray, 3, 60, pagetest.FaxOptions{}).Tags,
			Strips: [][]byte{bytes.Repeat([]byte{0b00110101, 0b00001101, 0b11001101, 0b01000011, 0b01110011, 0b01010000,
				0b11011100, 0b11010100, 0b00110111}, 5000)}}), Corrupt)
	add("TIFF of LZW that repeats itself",
		tiff(pagetest.Picture{Tags: g.With(259, 3, 5).With(256, 4, 7000).With(257, 4, 7000).With(278, 4, 7000).Tags,
			Strips: [][]byte{bytes.Repeat([]byte{0x80, 0x40, 0x80}, 1<<18)}}), Corrupt, "")
	add("TIFF of old JPEG that is none", tiff(g.With(259, 3, 6)), Corrupt)
	add("TIFF of old JPEG whose strips are all the file", tiff(func() pagetest.Picture {
		p := g.With(259, 3, 6).With(278, 4, 1).With(513, 4, 8).With(514, 4, 1<<30).With(519, 4, 8).With(520, 4,
			8).With(521, 4, 8)
		p.Strips = slices.Repeat([][]byte{make([]byte, 60<<10)}, 60)
		return p
	}()), Corrupt)
	add("TIFF of YCbCr in huge units",
		tiff(g.With(262, 3, 6).With(277, 3, 3).With(258, 3, 8, 8, 8).With(530, 3, 65535, 65535)), Unsupported)
	add("TIFF of no JPEG", tiff(g.With(259, 3, 7)), Corrupt)
	add("TIFF without strips", tiff(pagetest.Picture{Tags: g.Tags}), Corrupt)
	add("TIFF of no size", tiff(pagetest.Picture{Strips: g.Strips}), Corrupt)
	add("TIFF of many channels", tiff(g.With(277, 3, 65535)), Unsupported)
	add("TIFF whose JPEG tiles are all the same megabyte", pagetest.TileBomb(7680, 1<<20, false), Corrupt)
	add("TIFF whose JPEG tiles overlap", pagetest.TileBomb(7680, 60<<10, false), Corrupt)
	add("TIFF whose PackBits tiles are all the same megabyte", pagetest.TileBomb(7680, 1<<20, true), Corrupt)
	add("TIFF whose PackBits tiles overlap", pagetest.TileBomb(7680, 60<<10, true), Corrupt)
	add("TIFF whose small tiles are the same", pagetest.TileBomb(160, 0, false), "")
	add("BigTIFF", []byte("II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00"), Corrupt)
	add("BigTIFF of a directory at the end of all numbers",
		[]byte("II+\x00\x08\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"), Corrupt)
	add("BigTIFF of endless entries",
		[]byte("II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"), Corrupt)
	add("TIFF whose directory is itself", []byte("II*\x00\x00\x00\x00\x00"), Corrupt)
	circle := tiff(g)
	copy(circle[len(circle)-4:], circle[4:8])
	add("TIFF in a circle", circle, "")
	add("TIFF of too many pages", tiffOf(t, 5, 30), TooLarge)

	// Files with something missing or wrong inside.
	for _, name := range []string{"basn6a16.png", "video-005.gray.gif", "bmp_4bpp.bmp",
		"yellow_rose.lossy-with-alpha.webp",
		"gopher-doc.with-alpha.lossless.webp", "video-001-tile-64x64.tiff", "video-001.cmyk.jpeg"} {
		file := testFile(t, name)
		add(name+", half", file[:len(file)/2], Corrupt, "")
		add(name+", no end", file[:len(file)-9], Corrupt, "")
		noise := bytes.Clone(file)
		for i := len(noise) / 2; i < len(noise); i++ {
			noise[i] ^= byte(i * 7)
		}
		add(name+", noise in it", noise, Corrupt, "")
	}
	for _, name := range []string{"invalid-crc32.png", "invalid-noend.png", "invalid-palette.png", "invalid-trunc.png",
		"invalid-zlib.png",
		"invalid-palette-ref.tiff"} {
		add(name, testFile(t, name), Corrupt, "")
	}
	for i := range all {
		if unread(t, all[i].data) {
			all[i].want = []Kind{Unsupported}
		}
	}
	return append(all, pdfCases()...)
}

func pdfCases() (all []hostile) {
	add := func(name string, data []byte, want ...Kind) { all = append(all, hostile{name, data, want}) }
	text := pagetest.Text("x")
	sound := pagetest.PDF("", []pagetest.PDFPage{text})
	first := pagetest.FirstFree(1)
	one := func(page pagetest.PDFPage, more ...string) []byte {
		return pagetest.PDF("", []pagetest.PDFPage{page}, more...)
	}
	add("PDF, only its first line", []byte("%PDF-1.7\n"), Corrupt)
	add("PDF, half", sound[:len(sound)/2], Corrupt, "")
	add("PDF of a picture", append([]byte("%PDF-"), bytes.Repeat([]byte{0xff, 0xd8}, 9000)...), Corrupt)
	add("PDF without pages", pagetest.PDF("", nil), Corrupt)
	add("PDF of too many pages", pdfOf(30), TooLarge)
	add("PDF that is locked", pagetest.Locked("x", text), Encrypted)
	add("PDF whose pages are their own children",
		pagetest.Objects("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 5 /Kids [2 0 R] >>"), Corrupt)
	add("PDF that lies about its pages",
		pagetest.Objects("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 2000000000 /Kids [] >>"), Corrupt,
		TooLarge)
	add("PDF of a page of no size", one(pagetest.PDFPage{}), "", Corrupt)
	add("PDF of an endless page", one(pagetest.PDFPage{Width: 1 << 30, Height: 1 << 30}), "", Corrupt, TooLarge)
	add("PDF of a strip", one(pagetest.PDFPage{Width: 100000, Height: 1}), "")
	huge := "/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceRGB /BitsPerComponent 8"
	add("PDF of a huge picture", one(pagetest.Scan(600, 800, first), pagetest.Stream(huge, []byte("nothing"))), "",
		TooLarge, Corrupt)
	add("PDF of a huge fax",
		one(pagetest.Scan(600, 800, first),
			pagetest.Stream("/Type /XObject /Subtype /Image /Width 65000 /Height 65000 "+
				"/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns 65000 /Rows 65000 >>",
				bytes.Repeat([]byte{0x55}, 5000))), "", TooLarge, Corrupt)
	var forms []string
	for i := range 12 {
		forms = append(forms,
			pagetest.Stream(fmt.Sprintf(
				"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X %d 0 R >> >>",
				first+(i+1)%12), []byte(strings.Repeat("/X Do ", 10))))
	}
	add("PDF that draws itself",
		one(pagetest.PDFPage{Width: 99, Height: 99, Content: "/X Do",
			Resources: fmt.Sprintf("/XObject << /X %d 0 R >>", first)},
			forms...), "", TooLarge)
	add("PDF of open brackets", one(pagetest.PDFPage{Width: 99, Height: 99, Content: strings.Repeat("[", 1<<20)}), "",
		TooLarge, Corrupt)
	add("PDF of saved states", one(pagetest.PDFPage{Width: 99, Height: 99, Content: strings.Repeat("q ", 1<<19)}), "",
		TooLarge)
	return all
}

// TestHostileFilesEndWell: each file has its expected result, in one process that stays under 512 MiB together with its
// decoder. Time depends on the machine, so the bytes that are read and allocated are bounded instead.
func TestHostileFilesEndWell(t *testing.T) {
	if pagetest.Apart {
		t.Parallel() // the separate process measures allocations
	}
	pagetest.Capped(t, 512<<20, func() { endAll(t) }, decoder.Close)
}

func endAll(t *testing.T) {
	all := cases(t)
	if len(all) < 60 {
		t.Fatalf("%d files", len(all))
	}
	most, which := int64(0), ""
	for _, c := range all {
		l := &ledger{total: 256 << 20}
		lim := l.limits(1540)
		lim.MaxPages, lim.MaxPixels = 20, 60e6
		o := newObject(c.data)
		var err error
		used := allocated(func() { err = decodedOnly(t, o, lim) })
		if used > most {
			most, which = used, c.name
		}
		kind := kindOf(err)
		if !slices.Contains(c.want, kind) || kind == "" && err != nil {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if l.held != 0 || o.opens.Load() != o.closes.Load() {
			t.Errorf("%s: %d bytes held, %d opens, %d closes", c.name, l.held, o.opens.Load(), o.closes.Load())
		}
		if read := o.read.Load(); read > 3*int64(len(c.data)) || used > mostAllocated {
			t.Errorf("%s: %d bytes read of %d, %d allocated", c.name, read, len(c.data), used)
		}
	}
	t.Logf("%d files, the most allocated by %q: %d MiB", len(all), which, most>>20)
}

// decodedOnly makes the page of an object by decoding it, even if it could pass through.
func decodedOnly(t testing.TB, o *fakeObject, lim Limits) error {
	ps, err := Split(t.Context(), o.source(), lim)
	if err != nil {
		return err
	}
	defer ps.Close()
	_, _, err = ps.Decoded(t.Context(), 1)
	return err
}

// mostAllocated bounds a file's allocated bytes, including garbage. A page of 60 megapixels needs as many.
const mostAllocated = 256 << 20
