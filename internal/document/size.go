package document

import "unicode/utf8"

// MaxCommitBytes is the maximum total size of the pages in one [Change], by [Page.Size]. Firestore refuses a commit of
// more than 10 MiB, "Transaction too big"; the rest is for the record and for overhead that Firestore counts.
const MaxCommitBytes = 7 << 20

// Overhead of a page beyond its text, in bytes. A Firestore document is sent with its full name (6 KiB at most, usually
// 150 bytes), each field with its name, and the index entries count as well: two for each of a dozen fields, and two
// for each warning, each including the document's name.
const (
	pageOverhead    = 8 << 10
	warningOverhead = 1 << 10
	blockOverhead   = 128
)

// Size returns an estimate of the bytes that the page takes in a commit. It is never too low, whatever the collection's
// name.
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

// storedLen returns the length that a text may have once a store has made it valid UTF-8: U+FFFD takes three bytes.
func storedLen(s string) int {
	if utf8.ValidString(s) {
		return len(s)
	}
	return 3 * len(s)
}

// Batches splits pages, in order, into as few parts as possible that each fit into one commit, see [MaxCommitBytes].
// The parts share pages' array, and none is empty.
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
