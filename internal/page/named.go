package page

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"
)

// other is a file type that is recognized only so that an error can name it.
type other struct {
	what  string
	at    int
	magic string
}

var others = [...]other{
	{"JPEG XL", 0, "\xff\x0a"},
	{"JPEG XL", 0, "\x00\x00\x00\x0cJXL \r\n\x87\n"},
	{"JPEG XR", 0, "II\xbc\x01"},
	{"a JPEG without its beginning", 0, "\xff\xdb\x00"},
	{"JBIG2", 0, "\x97JB2\r\n\x1a\n"},
	{"a Photoshop file (PSD)", 0, "8BPS"},
	{"a GIMP file (XCF)", 0, "gimp xcf"},
	{"DjVu", 0, "AT&TFORM"},
	{"PostScript (EPS)", 0, "\xc5\xd0\xd3\xc6"},
	{"PostScript", 0, "%!"},
	{"PostScript", 0, "\x04%!"},
	{"a Windows metafile (WMF)", 0, "\xd7\xcd\xc6\x9a"},
	{"a Windows metafile (WMF)", 0, "\x01\x00\x09\x00\x00\x03"},
	{"a Windows metafile (EMF)", 40, " EMF"},
	{"DICOM", 128, "DICM"},
	{"OpenEXR", 0, "v/1\x01"},
	{"Radiance HDR", 0, "#?RADIANCE"},
	{"Radiance HDR", 0, "#?RGBE"},
	{"FITS", 0, "SIMPLE  ="},
	{"PCX", 0, "\x0a\x05\x01"},
	{"QOI", 0, "qoif"},
	{"BPG", 0, "BPG\xfb"},
	{"a Fujifilm raw file (RAF)", 0, "FUJIFILMCCD-RAW"},
	{"a Word, Excel or PowerPoint file (before 2007)", 0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"},
	{"RTF", 0, "{\\rtf"},
	{"a gzip file", 0, "\x1f\x8b"},
	{"a bzip2 file", 0, "BZh"},
	{"an xz file", 0, "\xfd7zXZ\x00"},
	{"a 7-Zip archive", 0, "7z\xbc\xaf\x27\x1c"},
	{"a RAR archive", 0, "Rar!\x1a\x07"},
	{"a tar archive", 257, "ustar"},
	{"a Matroska or WebM video", 0, "\x1a\x45\xdf\xa3"},
	{"an AVI video", 8, "AVI LIST"},
	{"audio (WAVE)", 8, "WAVEfmt "},
	{"audio (MP3)", 0, "ID3"},
	{"a Canon raw file (CR3)", 4, "ftypcrx "},
	{"a video (MP4 or QuickTime)", 4, "ftyp"},
	{"a video (MP4 or QuickTime)", 4, "moov"},
	{"a video (MP4 or QuickTime)", 4, "mdat"},
	{"a video (MP4 or QuickTime)", 4, "wide"},
}

// named names the type of an unsupported file by its first bytes. ok is false if the type is unknown.
func named(b []byte) (what string, ok bool) {
	for _, o := range others {
		if len(b) > o.at && bytes.HasPrefix(b[o.at:], []byte(o.magic)) {
			return o.what, true
		}
	}
	for _, name := range []func([]byte) string{namedIcon, namedPNM, namedZIP, namedText, namedTGA} {
		if what := name(b); what != "" {
			return what, true
		}
	}
	return "", false
}

// namedIcon also checks the entry of the first picture, since the two numbers of the header prove nothing.
func namedIcon(b []byte) string {
	if len(b) < 22 || b[0] != 0 || b[1] != 0 || b[3] != 0 || b[5] != 0 || b[4] == 0 || b[9] != 0 {
		return ""
	}
	return map[byte]string{1: "an icon (ICO)", 2: "a cursor (CUR)"}[b[2]]
}

func namedPNM(b []byte) string {
	if len(b) < 4 || b[0] != 'P' || b[1] < '1' || b[1] > '7' || !strings.ContainsRune(" \t\r\n", rune(b[2])) {
		return ""
	}
	return [...]string{"PBM", "PGM", "PPM", "PBM", "PGM", "PPM", "PAM"}[b[1]-'1']
}

// namedZIP looks at the names of the first files in an archive.
func namedZIP(b []byte) string {
	if !bytes.HasPrefix(b, []byte("PK\x03\x04")) && !bytes.HasPrefix(b, []byte("PK\x05\x06")) {
		return ""
	}
	for _, k := range []struct{ in, what string }{
		{"mimetypeapplication/vnd.oasis.opendocument", "an OpenDocument file"},
		{"mimetypeapplication/epub+zip", "an e-book (EPUB)"},
		{"word/", "a Word file (DOCX)"}, {"xl/", "an Excel file (XLSX)"}, {"ppt/", "a PowerPoint file (PPTX)"},
		{"[Content_Types].xml", "a Word, Excel or PowerPoint file"},
	} {
		if bytes.Contains(b, []byte(k.in)) {
			return k.what
		}
	}
	return "a ZIP archive"
}

// namedText returns "HTML", "XML" or "plain text" if b is text in UTF-8.
func namedText(b []byte) string {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	for n := 0; n < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b); n++ {
		b = b[:len(b)-1] // a character that is cut off, or another encoding
	}
	if len(b) == 0 || !utf8.Valid(b) ||
		bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1b", r) }) {
		return ""
	}
	lower := bytes.ToLower(b)
	switch {
	case bytes.HasPrefix(lower, []byte("<!doctype html")), bytes.HasPrefix(lower, []byte("<html")),
		bytes.HasPrefix(lower, []byte("<head")):
		return "HTML"
	case bytes.HasPrefix(lower, []byte("<?xml")):
		return "XML"
	}
	return "plain text"
}

// namedTGA checks the image type, palette, size and bits per pixel of a header that has no magic, so it is tried last.
func namedTGA(b []byte) string {
	if len(b) < 18 || b[1] > 1 || b[17]&0xc0 != 0 {
		return ""
	}
	palette := b[3] != 0 || b[4] != 0 || b[5] != 0 || b[6] != 0 || b[7] != 0
	kinds, bits := []byte{1, 2, 3, 9, 10, 11}, []byte{8, 15, 16, 24, 32}
	w, h := binary.LittleEndian.Uint16(b[12:]), binary.LittleEndian.Uint16(b[14:])
	if !slices.Contains(kinds, b[2]) || !slices.Contains(bits, b[16]) || w == 0 || h == 0 || palette != (b[1] == 1) {
		return ""
	}
	return "TGA"
}
