package pdf

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"io/fs"
)

// zippedFonts holds the substitutes for fonts that are not embedded in a PDF, under the paths where PDFium looks for
// system fonts: see fonts/README.md.
//
//go:embed fonts/fonts.zip
var zippedFonts []byte

// fonts is the file system that PDFium sees. Fonts are unpacked when PDFium first draws text that needs them. Not safe
// for concurrent use.
type fonts struct {
	packed   *zip.Reader
	unpacked map[string][]byte
	asked    bool // a font was opened
}

func newFonts() (*fonts, error) {
	packed, err := zip.NewReader(bytes.NewReader(zippedFonts), int64(len(zippedFonts)))
	if err != nil {
		return nil, fmt.Errorf("fonts: %w", err)
	}
	return &fonts{packed: packed, unpacked: map[string][]byte{}}, nil
}

// Open opens a folder, or a font as a file that supports random access, which files in an archive do not.
func (f *fonts) Open(name string) (fs.File, error) {
	file, err := f.packed.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return file, err
	}
	defer file.Close()
	f.asked = true
	b, ok := f.unpacked[name]
	if !ok {
		if b, err = io.ReadAll(file); err != nil {
			return nil, err
		}
		f.unpacked[name] = b
	}
	return &font{Reader: bytes.NewReader(b), info: info}, nil
}

// font is an open font.
type font struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *font) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *font) Close() error               { return nil }
