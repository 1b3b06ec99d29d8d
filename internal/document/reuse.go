package document

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Reader describes how pages are read: the same bytes read in the same way give, for all practical purposes, the same
// text.
type Reader struct {
	Model   string // as the server names it
	Mode    string
	Profile string // of the model
	PDFText bool   // the text in a PDF is used
}

// ReuseKey returns the key under which a record's text is found for another object: a hash of the bytes' MD5 and size,
// the owner and the reader. It is empty if the MD5, the size, the model or the mode is not known.
//
// A record's field ReuseKey is set only while its text may be copied: it is done, its text is not in doubt, and no
// retry was requested since.
func ReuseKey(r *Record, by Reader) string {
	if r.MD5 == "" || r.Size <= 0 || by.Model == "" || by.Mode == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %d %q %q %q %q %t", r.MD5, r.Size, r.Owner, by.Model, by.Mode, by.Profile,
		by.PDFText))
	return hex.EncodeToString(sum[:16])
}

// Copied returns the pages of origin, a record with a ReuseKey, as pages of another generation with the same bytes, and
// the id of the document that was read: if origin is a copy itself, that of its own source. pages are origin's page
// documents, as [Store.Pages] returns them; a record of a single page may have none. It returns nil if pages are
// missing.
//
// The copies have no usage, since the OCR service's tokens are counted for the origin.
func Copied(origin *Record, pages []Page, generation int64) ([]Page, string) {
	if origin.Pages == 1 && len(pages) == 0 {
		pages = SplitPages(origin)
		pages[0].Model = origin.Model
	}
	if len(pages) != origin.Pages {
		return nil, ""
	}
	copies := make([]Page, len(pages))
	for i, pg := range pages {
		if pg.Page != i+1 {
			return nil, ""
		}
		pg.Generation, pg.Source, pg.Usage = generation, SourceCopy, Usage{}
		copies[i] = pg
	}
	if origin.CopiedFrom != "" {
		return copies, origin.CopiedFrom
	}
	return copies, origin.Object().ID()
}
