package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/bucketocr/bucketocr/internal/page/pdf"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// First bytes of a JPEG 2000: in the box format, and as a bare codestream.
const (
	jp2Magic        = "\x00\x00\x00\x0cjP  \r\n\x87\n"
	codestreamMagic = "\xff\x4f\xff\x51"
)

func isJPX(b []byte) bool {
	return bytes.HasPrefix(b, []byte(jp2Magic)) || bytes.HasPrefix(b, []byte(codestreamMagic))
}

// jpxPages reads the header of a JPEG 2000. PDFium decodes the picture, wrapped in a PDF of one page that it fills.
func jpxPages(_ context.Context, o *object, _ int64) ([]entry, error) {
	file := o.file.Bytes()
	codestream := bytes.Index(file, []byte(codestreamMagic)) // inside a box in the box format
	if codestream < 0 || len(file) < codestream+42 {
		return nil, corrupt("damaged or cut-off JPEG 2000", nil)
	}
	b := file[codestream+8:]
	side := func(at int) int64 { // the end of the grid minus the picture's offset
		return int64(binary.BigEndian.Uint32(b[at:])) - int64(binary.BigEndian.Uint32(b[at+8:]))
	}
	w, h := side(0), side(4)
	if w < 1 || h < 1 {
		return nil, corrupt("damaged or cut-off JPEG 2000", nil)
	}
	// PDFium would decode these as gray pictures side by side
	if channels := file[codestream+41]; codestream == 0 && channels != 1 && channels != 3 {
		return nil, unsupported(fmt.Sprintf("JPEG 2000 codestream with %d channels is not supported",
			channels))
	}
	p := &picture{
		call: "jpx.draw", args: []int64{w, h},
		header: header{width: int(w), height: int(h), orientation: upright, lossy: true,
			engine: pdfEngine, maySmaller: true}}
	if sw, sh := fit(int(w), int(h), o.lim.Edge); sw < int(w) {
		p.changes = []string{fmt.Sprintf("scaled %dx%d to %dx%d", w, h, sw, sh)}
	}
	edge := int64(min(o.lim.Edge, max(int(w), int(h))))
	p.args = append(p.args, edge)
	p.memory = plus(8*edge*edge, 2*int64(len(file)))
	p.rooms = []int64{plus(64<<20, times(jpxRoom, p.pixels())), plus(96<<20, times(4*jpxRoom, p.pixels()))}
	return []entry{{picture: p}}, nil
}

// jpxRoom is the bytes per pixel that PDFium may use at first. It decodes a picture that is scaled down at half size or
// less: 120 MiB suffice for 12 megapixels.
const jpxRoom = 8

// serveJPX adds the JPEG 2000 handler of the decoder process.
func serveJPX(calls map[string]sandbox.Handler, e *pdf.Engine) {
	calls["jpx.draw"] = func(_ context.Context, m sandbox.Message) (sandbox.Message, error) {
		room, f, own, err := finishingOf(m.Args)
		if err != nil {
			return sandbox.Message{}, err
		}
		p, err := drawPDF(e, jpxPDF(m.Data, int(own[0]), int(own[1])), 1, int(own[2]), room, f)
		if err = pdfComplaint(err); isKind(err, Corrupt) {
			err = corrupt("damaged or cut-off JPEG 2000, or a large one without smaller resolutions", nil)
		}
		return p.message(), err
	}
}

// jpxPDF returns a PDF of one page that the picture fills.
func jpxPDF(picture []byte, w, h int) []byte {
	content := fmt.Sprintf("%d 0 0 %d 0 0 cm /I Do", w, h)
	var file pdf.Writer
	file.Grow(len(picture) + 1<<10)
	object := func(format string, args ...any) { file.Object(fmt.Appendf(nil, format, args...)) }
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Count 1 /Kids [3 0 R] >>")
	object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R /Resources << /XObject << /I 5 0 R >> >> >>",
		w, h)
	object("<< /Length %d >>\nstream\n%s\nendstream", len(content), content)
	file.Object(fmt.Appendf(nil,
		"<< /Type /XObject /Subtype /Image /Width %d /Height %d /Filter /JPXDecode /SMaskInData 1 /Length %d >>\nstream\n",
		w, h, len(picture)),
		picture, []byte("\nendstream"))
	return file.Bytes()
}
