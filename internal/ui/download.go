package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"unicode"

	"github.com/bucketocr/bucketocr/internal/document"
)

// download serves a document as a file: "as" is markdown, text, json or original. Browsers save the file and never
// display it.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	as := r.URL.Query().Get("as")
	if as == "original" {
		s.original(w, r)
		return
	}
	d, err := s.shelf.take(r.Context(), r.PathValue("id"), r.URL.Query().Get("version"))
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	name := d.stored.Name
	switch as {
	case "markdown":
		attach(w, fileName(name, ".md"), "text/markdown; charset=utf-8")
		_, _ = io.WriteString(w, document.JoinPages(d.pages)) // an error means that the client has gone
	case "text":
		attach(w, fileName(name, ".txt"), "text/plain; charset=utf-8")
		for i, p := range d.pages {
			if i > 0 {
				_, _ = io.WriteString(w, document.PageBreak)
			}
			_, _ = io.WriteString(w, s.shelf.render.Text(p.Text))
		}
	case "json":
		b, err := encode(d)
		if err != nil {
			trouble(s.c.Log, w, r, err)
			return
		}
		attach(w, fileName(name, ".json"), "application/json; charset=utf-8")
		_, _ = w.Write(b)
	default:
		refuse(w, http.StatusBadRequest, "No such format.")
	}
}

// encode returns a document as {"document": …, "pages": […]}, with the field names of the store.
func encode(d *opened) ([]byte, error) {
	record, err := document.EncodeRecord(d.stored.Record)
	if err != nil {
		return nil, fmt.Errorf("document as JSON: %w", err)
	}
	out := struct {
		Document json.RawMessage   `json:"document"`
		Pages    []json.RawMessage `json:"pages"`
	}{Document: record, Pages: []json.RawMessage{}}
	for _, p := range d.pages {
		if p.Page == 0 {
			continue
		}
		b, err := document.EncodePage(p)
		if err != nil {
			return nil, fmt.Errorf("page %d as JSON: %w", p.Page, err)
		}
		out.Pages = append(out.Pages, b)
	}
	return json.MarshalIndent(out, "", "  ")
}

// original serves the object unchanged.
func (s *Server) original(w http.ResponseWriter, r *http.Request) {
	o, err := s.objectOf(r.Context(), r.PathValue("id"))
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	c, err := s.c.Images.Open(r.Context(), o)
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	defer c.Close()
	attach(w, fileName(o.Name, path.Ext(o.Name)), "application/octet-stream")
	if _, err := io.Copy(w, c); err != nil {
		panic(http.ErrAbortHandler) // tells the client that the response is incomplete
	}
}

// attach sets the headers of a response that is saved as a file.
func attach(w http.ResponseWriter, name, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Cache-Control", "no-store")
}

// maxFileName bounds a file's name without its extension, in runes.
const maxFileName = 120

// fileName returns the last part of an object's name with another extension, made portable. Unprintable characters and
// bidirectional controls are removed.
func fileName(object, extension string) string {
	base := path.Base(object)
	clean := func(s string) string {
		return strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) || strings.ContainsRune(`/\:*?"<>|`, r) {
				return '_'
			}
			return r
		}, strings.ToValidUTF8(s, "_"))
	}
	stem := []rune(strings.TrimLeft(clean(strings.TrimSuffix(base, path.Ext(base))), ". "))
	if len(stem) > maxFileName {
		stem = stem[:maxFileName]
	}
	if len(stem) == 0 {
		stem = []rune("document")
	}
	ext := []rune(clean(extension))
	if len(ext) > 12 {
		ext = nil
	}
	return string(stem) + string(ext)
}
