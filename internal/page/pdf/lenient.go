package pdf

import (
	"bytes"
	"regexp"
)

// Front is the number of bytes in which the first line of a PDF is searched.
const Front = 1024

// header is the first line of a PDF.
var header = []byte("%PDF-")

// firstObject matches the beginning of a PDF without a first line, with or without comments.
var firstObject = regexp.MustCompile(`\A(?:\s+|%[^\r\n]*[\r\n])*\d{1,10}\s+\d{1,5}\s+obj\b`)

// Is reports whether a file is a PDF by its first Front bytes. Like viewers it allows for bytes before the first line,
// from mail gateways, printers or a byte order mark, and for a missing first line. Archives that begin with a PDF are
// not PDFs.
func Is(front []byte) bool {
	front = front[:min(len(front), Front)]
	archived := bytes.HasPrefix(front, []byte("PK\x03\x04")) || len(front) > 262 && string(front[257:262]) == "ustar"
	return !archived && bytes.Contains(front, header) || firstObject.Match(front)
}

// headed returns the file b with a first line, which PDFium requires. An added line makes the offsets in the file
// wrong, so PDFium searches for its objects.
func headed(b []byte) []byte {
	if bytes.Contains(b[:min(len(b), Front)], header) || !firstObject.Match(b[:min(len(b), Front)]) {
		return b
	}
	return append([]byte("%PDF-1.7\n"), b...)
}

// The filters that encrypt parts of a file. Identity does not encrypt.
var (
	contentFilter    = regexp.MustCompile(`/St[mr]F\s*/(\w+)`)
	attachmentFilter = regexp.MustCompile(`/EFF\s*/\w`)
)

// unlocked returns the locked file b without its lock if only the attachments are encrypted, else nil.
func unlocked(b []byte) []byte {
	if !attachmentFilter.Match(b) {
		return nil
	}
	for _, m := range contentFilter.FindAllSubmatch(b, -1) {
		if string(m[1]) != "Identity" {
			return nil
		}
	}
	return bytes.ReplaceAll(b, []byte("/Encrypt"), []byte("/Omitted"))
}
