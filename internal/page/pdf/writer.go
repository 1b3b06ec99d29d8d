package pdf

import (
	"bytes"
	"fmt"
)

// Writer writes a PDF. Its first object is the catalog.
type Writer struct {
	b  bytes.Buffer
	at []int // offset of each object
}

// Grow reserves room for n bytes.
func (w *Writer) Grow(n int) { w.b.Grow(n) }

// Object adds the next object. Objects are numbered from 1.
func (w *Writer) Object(parts ...[]byte) {
	if w.b.Len() == 0 {
		w.b.WriteString("%PDF-1.7\n")
	}
	w.at = append(w.at, w.b.Len())
	fmt.Fprintf(&w.b, "%d 0 obj\n", len(w.at))
	for _, part := range parts {
		w.b.Write(part)
	}
	w.b.WriteString("\nendobj\n")
}

// Bytes ends the file and returns it.
func (w *Writer) Bytes() []byte {
	table := w.b.Len()
	fmt.Fprintf(&w.b, "xref\n0 %d\n0000000000 65535 f \n", len(w.at)+1)
	for _, at := range w.at {
		fmt.Fprintf(&w.b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&w.b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(w.at)+1, table)
	return w.b.Bytes()
}
