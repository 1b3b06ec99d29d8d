package document

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Reader is how pages are read: the same bytes, read by the same one, have the same text as well as it can be told.
type Reader struct {
	Model   string // as the server names it
	Mode    string
	Profile string // of the model
	PDFText bool   // the text that a PDF holds is taken
}

// ReuseKey returns the key under which the text of a record is found for another object: of its bytes, as their MD5 and
// size tell, of its owner, and of the reader. It is empty where the bytes or the model are not known.
//
// A record has it in its field ReuseKey only while its text may be copied: it is done, nothing is in doubt about it,
// and nothing else was requested since.
func ReuseKey(r *Record, by Reader) string {
	if r.MD5 == "" || r.Size <= 0 || by.Model == "" || by.Mode == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %d %q %q %q %q %t", r.MD5, r.Size, r.Owner, by.Model, by.Mode, by.Profile,
		by.PDFText))
	return hex.EncodeToString(sum[:16])
}

// Copied returns the pages of an origin, a record with a ReuseKey, as those of another generation with the same bytes,
// and the id of the document that was read: where the origin is a copy itself, the first one. pages are its page
// documents, as [Store.Pages] returns them; one of a single page may have none. Nil is returned where some are missing.
//
// What the OCR service counted for them is the origin's, and is not said twice.
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
