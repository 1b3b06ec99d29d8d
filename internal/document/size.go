package document

import "unicode/utf8"

// MaxCommitBytes is the most that the pages of one [Change] may take together, by [Page.Size]. Firestore refuses a
// commit of more than 10 MiB, "Transaction too big"; what is left is for the record and for what it counts besides.
const MaxCommitBytes = 7 << 20

// What a page takes beyond its text, in bytes. A document of Firestore is sent with its whole name (6 KiB at most,
// mostly 150 bytes), each field with its own, and the index entries that it makes count as well: two for each of a
// dozen fields, and two for each warning, each with the document's name in it.
const (
	pageOverhead    = 8 << 10
	warningOverhead = 1 << 10
	blockOverhead   = 128
)

// Size returns how many bytes of a commit the page takes: an estimate that is never too low, whatever the collection is
// called.
func (p Page) Size() int {
	n := pageOverhead + storedLen(p.Text)
	for _, w := range p.Warnings {
		n += warningOverhead + storedLen(w)
	}
	for _, b := range p.Blocks {
		n += blockOverhead + storedLen(b.Label) + storedLen(b.Text)
	}
	n += storedLen(p.Model) + storedLen(p.Source)
	if p.Error != nil {
		n += storedLen(p.Error.Code) + storedLen(p.Error.Message)
	}
	return n
}

// storedLen is how long a text may become when it is made valid UTF-8, as stores do: U+FFFD takes three bytes.
func storedLen(s string) int {
	if utf8.ValidString(s) {
		return len(s)
	}
	return 3 * len(s)
}

// Batches splits pages, in their order, into as few parts as fit into one commit each, see [MaxCommitBytes]. A part
// shares the array of pages, and holds one at least.
func Batches(pages []Page) [][]Page {
	var parts [][]Page
	first, size := 0, 0
	for i, p := range pages {
		n := p.Size()
		if i > first && size+n > MaxCommitBytes {
			parts = append(parts, pages[first:i:i])
			first, size = i, 0
		}
		size += n
	}
	if first < len(pages) {
		parts = append(parts, pages[first:])
	}
	return parts
}
