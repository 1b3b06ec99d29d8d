package standin

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A numbered PNG has a text chunk with the object's name right after its header.
const (
	headerEnd = 33 // bytes of a PNG's signature and first chunk
	keyword   = "Comment\x00"
	nameSize  = 64 // length of a name, padded with spaces
	chunkSize = 12 + len(keyword) + nameSize
)

// numbered returns the object with its name inside.
func (o *object) numbered(name string) (*object, error) {
	if len(o.bytes) < headerEnd || len(name) > nameSize || string(o.bytes[1:4]) != "PNG" {
		return nil, errors.New("this object cannot be numbered: it must be a PNG with a short name")
	}
	b := make([]byte, 0, len(o.bytes)+chunkSize)
	b = append(b, o.bytes[:headerEnd]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(keyword)+nameSize))
	b = fmt.Appendf(b, "tEXt%s%-*s", keyword, nameSize, name)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[headerEnd+4:]))
	return newObject(append(b, o.bytes[headerEnd:]...)), nil
}

// numberedName returns the name in the numbered PNG of a request, given the request's first bytes.
func numberedName(request []byte) (string, bool) {
	_, text, ok := bytes.Cut(request, []byte(";base64,"))
	if size := base64.StdEncoding.EncodedLen(headerEnd + chunkSize + 3); ok && len(text) >= size {
		b, err := base64.StdEncoding.DecodeString(string(text[:size]))
		at := headerEnd + 8
		if err == nil && bytes.HasPrefix(b[at:], []byte(keyword)) {
			return string(bytes.TrimRight(b[at+len(keyword):at+len(keyword)+nameSize], " ")), true
		}
	}
	return "", false
}
