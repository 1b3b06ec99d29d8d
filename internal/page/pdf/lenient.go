package pdf

import (
	"bytes"
	"regexp"
)

// Front is within how many bytes a PDF has its first line, if it has one.
const Front = 1024

// header is the first line of a PDF.
var header = []byte("%PDF-")

// firstObject is what a PDF without a first line begins with, perhaps after comments.
var firstObject = regexp.MustCompile(`\A(?:\s+|%[^\r\n]*[\r\n])*\d{1,10}\s+\d{1,5}\s+obj\b`)

// Is reports whether a file is a PDF by its first bytes, Front of them or all. It looks where viewers do: a mail
// gateway, a printer or a mark of byte order may have put something before the first line, which may also be missing.
// An archive may begin with a PDF that is not all of it.
func Is(front []byte) bool {
	front = front[:min(len(front), Front)]
	archived := bytes.HasPrefix(front, []byte("PK\x03\x04")) || len(front) > 262 && string(front[257:262]) == "ustar"
	return !archived && bytes.Contains(front, header) || firstObject.Match(front)
}

// headed returns the file b with a first line, without which PDFium does not look at it. The offsets in the file are
// wrong then, so that PDFium searches it for its objects.
func headed(b []byte) []byte {
	if bytes.Contains(b[:min(len(b), Front)], header) || !firstObject.Match(b[:min(len(b), Front)]) {
		return b
	}
	return append([]byte("%PDF-1.7\n"), b...)
}

// The filters that encrypt what is in a file: Identity does not.
var (
	contentFilter    = regexp.MustCompile(`/St[mr]F\s*/(\w+)`)
	attachmentFilter = regexp.MustCompile(`/EFF\s*/\w`)
)

// unlocked returns the locked file b without its lock, if that is on the attachments alone; else nil.
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
