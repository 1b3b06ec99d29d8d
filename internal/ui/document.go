package ui

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/bucketocr/bucketocr/internal/document"
)

// detail is a document as its view shows it, without the texts of its pages.
type detail struct {
	summary
	ContentType string            `json:"contentType,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Model       string            `json:"model,omitempty"`
	Usage       [2]int            `json:"usage"` // tokens: prompt, completion
	Retryable   bool              `json:"retryable"`
	Retried     int64             `json:"retried"`
	RetriedBy   string            `json:"retriedBy,omitempty"`
	PageList    []pageEntry       `json:"pageList"`
}

// pageEntry is a page without its text.
type pageEntry struct {
	Page     int      `json:"page"`
	Ready    bool     `json:"ready"`
	Blank    bool     `json:"blank,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Code     string   `json:"code,omitempty"`
	Message  string   `json:"message,omitempty"`
	Width    int      `json:"width,omitempty"`
	Height   int      `json:"height,omitempty"`
	Turned   int      `json:"turned,omitempty"`
	Blocks   int      `json:"blocks,omitempty"`
	Source   string   `json:"source,omitempty"`
}

// pageText is the text of one page: unchanged, and as HTML, whole or in blocks; HTML is then what belongs to no block.
type pageText struct {
	Text   string      `json:"text"`
	HTML   string      `json:"html,omitempty"`
	Blocks []blockText `json:"blocks,omitempty"`
}

type blockText struct {
	Label string `json:"label"`
	Box   [4]int `json:"box"`
	HTML  string `json:"html"`
}

// document serves a record and the list of its pages.
func (s *Server) document(w http.ResponseWriter, r *http.Request) {
	d, err := s.shelf.take(r.Context(), r.PathValue("id"), r.URL.Query().Get("version"))
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	answer(w, describe(d))
}

// objectOf returns the object of a record. One that is not listed is read from the store.
func (s *Server) objectOf(ctx context.Context, id string) (document.Object, error) {
	if o, listed := s.feed.objectOf(id); listed {
		return o, nil
	}
	stored, err := s.c.Records.Get(ctx, id)
	if err != nil {
		return document.Object{}, err
	}
	if stored == nil {
		return document.Object{}, errNoRecord
	}
	return stored.Object(), nil
}

func describe(d *opened) detail {
	rec := d.stored.Record
	out := detail{
		summary: summarise(d.id, rec), ContentType: rec.ContentType, Metadata: rec.Metadata, Model: rec.Model,
		Usage: [2]int{rec.Usage.PromptTokens, rec.Usage.CompletionTokens}, Retried: millis(rec.Retried),
		RetriedBy: rec.RetriedBy,
		PageList:  make([]pageEntry, len(d.pages)),
	}
	if rec.Error != nil {
		out.Retryable = rec.Error.Retryable
	}
	for i, p := range d.pages {
		e := pageEntry{Page: i + 1, Ready: p.Page > 0, Blank: p.Blank, Warnings: p.Warnings, Width: p.Width,
			Height: p.Height,
			Turned: p.Turned, Blocks: len(p.Blocks), Source: p.Source}
		if p.Error != nil {
			e.Code, e.Message = p.Error.Code, p.Error.Message
		}
		out.PageList[i] = e
	}
	return out
}

// page serves the text of one page.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	d, err := s.shelf.take(r.Context(), r.PathValue("id"), r.URL.Query().Get("version"))
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	n, err := strconv.Atoi(r.PathValue("page"))
	if err != nil || n < 1 || n > len(d.pages) || d.pages[n-1].Page == 0 {
		trouble(s.c.Log, w, r, errNoPage)
		return
	}
	answer(w, s.shelf.read(d.pages[n-1]))
}

// allPages serves the texts of all stored pages by number, for printing.
func (s *Server) allPages(w http.ResponseWriter, r *http.Request) {
	d, err := s.shelf.take(r.Context(), r.PathValue("id"), r.URL.Query().Get("version"))
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	texts := map[int]pageText{}
	for _, p := range d.pages {
		if p.Page == 0 {
			continue
		}
		if r.Context().Err() != nil {
			return
		}
		texts[p.Page] = s.shelf.read(p)
	}
	answer(w, texts)
}

// read renders a page, in blocks if its layout is known.
func (s *shelf) read(p document.Page) pageText {
	if len(p.Blocks) == 0 {
		return pageText{Text: p.Text, HTML: s.render.HTML(p.Text)}
	}
	out := pageText{Text: p.Text, HTML: s.render.HTML(lead(p))}
	for _, b := range p.Blocks {
		out.Blocks = append(out.Blocks, blockText{Label: b.Label, Box: b.Box, HTML: s.render.HTML(b.Text)})
	}
	return out
}

// lead returns the text that the model wrote before the first block, which belongs to none.
func lead(p document.Page) string {
	for _, b := range p.Blocks {
		start := b.Text[:min(len(b.Text), 30)] // its end may be joined with a later block
		if at := strings.Index(p.Text, start); start != "" && at >= 0 {
			return p.Text[:at]
		}
	}
	return p.Text
}

// text serves the whole unchanged text: all stored pages, joined as in a document.
func (s *Server) text(w http.ResponseWriter, r *http.Request) {
	d, err := s.shelf.take(r.Context(), r.PathValue("id"), r.URL.Query().Get("version"))
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", "attachment; filename=text.md")
	w.Header().Set("Cache-Control", "no-store")
	for i, p := range d.pages {
		if i > 0 {
			_, _ = io.WriteString(w, document.PageBreak)
		}
		_, _ = io.WriteString(w, p.Text)
	}
}
