package archive

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Document holds the fields of a document that the archive needs.
type Document struct {
	Bucket      string   `firestore:"bucket" json:"bucket"`
	Name        string   `firestore:"name" json:"name"`
	Generation  int64    `firestore:"generation" json:"generation"`
	Status      string   `firestore:"status" json:"status"`
	Model       string   `firestore:"model" json:"model,omitempty"`
	Warnings    []string `firestore:"warnings" json:"warnings,omitempty"`
	Pages       int      `firestore:"pages" json:"pages"`
	PagesDone   int      `firestore:"pagesDone" json:"pagesDone"` // fewer than Pages if some were skipped
	Text        string   `firestore:"text" json:"-"`
	TextInPages bool     `firestore:"textInPages" json:"-"`
	Error       *struct {
		Code    string `firestore:"code" json:"code"`
		Message string `firestore:"message" json:"message"`
	} `firestore:"error" json:"error,omitempty"`
	Texts []string `firestore:"-" json:"texts,omitempty"` // texts of its pages
}

// A file is named after the document's object and bucket. Cloud Storage limits names to maxName bytes.
const (
	textSuffix, aboutSuffix = ".md", ".json"
	maxName                 = 1024
)

// pageBreak separates the pages in a document's text.
const pageBreak = "\n\f\n"

// documents reads the collection of documents.
type documents interface {
	// Get returns a document, or nil if there is none.
	Get(ctx context.Context, id string) (*Document, error)
	// Pages returns the texts of its pages, in order.
	Pages(ctx context.Context, id string, generation int64) ([]string, error)
}

// files is the bucket of the archive. The version of a file that does not exist is 0.
type files interface {
	Version(ctx context.Context, name string) (int64, error)
	// Write and Remove fail if the file no longer has this version. Remove does nothing for version 0.
	Write(ctx context.Context, name, contentType string, data []byte, version int64) error
	Remove(ctx context.Context, name string, version int64) error
}

// archivist stores documents as files: NAME.md with the text, NAME.json with the fields of [Document] and the text of
// each page.
type archivist struct {
	documents documents
	files     files
	bucket    string // bucket of the files
}

// keep updates the files of a document to its current state. It reads the versions of the files before the document, so
// that of two concurrent calls the one with the older document fails, and its message is redelivered. It looks at the
// document again after writing: if that was erased meanwhile, the redelivery removes the files. An error is returned
// for a document that should exist and does not, since a database or collection with another name looks the same.
func (a *archivist) keep(ctx context.Context, end End) error {
	source, name, _ := strings.Cut(strings.TrimPrefix(end.File, "gs://"), "/")
	if source == a.bucket {
		return fmt.Errorf("ARCHIVE_BUCKET is the bucket of the images: its files would be taken for images")
	}
	markdown, about := source+"/"+name+textSuffix, source+"/"+name+aboutSuffix
	textVersion, err := a.files.Version(ctx, markdown)
	if err != nil {
		return err
	}
	version, err := a.files.Version(ctx, about)
	if err != nil {
		return err
	}
	d, err := a.documents.Get(ctx, end.ID)
	if err != nil {
		return err
	}
	switch {
	case d == nil && end.Status != "deleted":
		return fmt.Errorf("there is no document: check FIRESTORE_DATABASE and FIRESTORE_COLLECTION")
	case d == nil || d.Status == "deleted":
		if err := a.files.Remove(ctx, markdown, textVersion); err != nil {
			return err
		}
		return a.files.Remove(ctx, about, version)
	case d.Status != "done" && d.Status != "failed":
		return nil // still being processed: its result will be announced
	}
	if err := a.texts(ctx, end.ID, d); err != nil {
		return err
	}
	if d.Status == "failed" {
		err = a.files.Remove(ctx, markdown, textVersion)
	} else {
		err = a.files.Write(ctx, markdown, "text/markdown; charset=utf-8", []byte(strings.Join(d.Texts, pageBreak)),
			textVersion)
	}
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	if err := a.files.Write(ctx, about, "application/json", data, version); err != nil {
		return err
	}
	if d, err = a.documents.Get(ctx, end.ID); err == nil && (d == nil || d.Status == "deleted") {
		err = fmt.Errorf("the document was erased while its files were written")
	}
	return err
}

// texts reads the texts of a document's pages.
func (a *archivist) texts(ctx context.Context, id string, d *Document) (err error) {
	switch {
	case d.Status != "done":
	case d.TextInPages:
		d.Texts, err = a.documents.Pages(ctx, id, d.Generation)
		if err == nil && len(d.Texts) != d.PagesDone { // a newer version is replacing them
			err = fmt.Errorf("only %d of %d pages exist", len(d.Texts), d.PagesDone)
		}
	default:
		d.Texts = strings.Split(d.Text, pageBreak)
	}
	return err
}
