package storage

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newSum() hash.Hash32 { return crc32.New(castagnoli) }

// content returns the answer to a download as checked and unpacked bytes.
func content(ctx context.Context, res *http.Response, sum uint32) document.Content {
	size := storedSize(res)
	stored := &checked{ctx: ctx, body: res.Body, size: size, want: sum, sum: newSum()}
	if res.Header.Get("X-Goog-Stored-Content-Encoding") != "gzip" && res.Header.Get("Content-Encoding") != "gzip" {
		return document.Content{ReadCloser: stored, Size: size}
	}
	return document.Content{ReadCloser: &unpacked{stored: stored}, Size: -1}
}

// checked returns the bytes as stored; if the checksum is wrong, it fails before it returns the last of them.
type checked struct {
	ctx  context.Context
	body io.ReadCloser
	size int64 // -1 if unknown: then the object ends where the body does
	want uint32
	sum  hash.Hash32
	read int64
	err  error // once set, returned by every Read
}

func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	n, err := c.body.Read(p)
	c.sum.Write(p[:n])
	c.read += int64(n)
	c.err = c.verdict(err)
	if c.err != nil && c.err != io.EOF {
		// The bytes are withheld: io.ReadFull, for example, drops an error returned together with the last byte that it
		// wants.
		return 0, c.err
	}
	return n, c.err
}

// verdict returns a Read's error: nil while bytes are missing, io.EOF if all have been received and are right.
func (c *checked) verdict(err error) error {
	switch {
	case err != nil && err != io.EOF && c.ctx.Err() != nil:
		return c.ctx.Err()
	case c.read == c.size || c.size < 0 && err == io.EOF:
		if c.sum.Sum32() != c.want {
			return unavailable(fmt.Sprintf("the checksum is wrong over %d bytes", c.read))
		}
		return io.EOF
	case err == io.EOF:
		return unavailable(fmt.Sprintf("the body ends after %d of %d stored bytes", c.read, c.size))
	case err != nil:
		return unavailable(gcp.Cause(err))
	}
	return nil
}

// Close closes the connection, without reading the remaining bytes.
func (c *checked) Close() error { return c.body.Close() }

// unpacked decompresses stored.
type unpacked struct {
	stored *checked
	gzip   *gzip.Reader
	err    error
}

func (u *unpacked) Read(p []byte) (n int, err error) {
	if u.err == nil && u.gzip == nil {
		u.gzip, u.err = gzip.NewReader(u.stored) // io.EOF if nothing is stored
	}
	if u.err == nil {
		n, u.err = u.gzip.Read(p)
	}
	if u.err != nil && u.err != io.EOF {
		u.err = u.blame(u.err)
	}
	return n, u.err
}

// blame returns the error for failed decompression. Bytes damaged in transit look like a bad gzip, so it first reads
// the rest to verify the checksum.
func (u *unpacked) blame(err error) error {
	if errors.Is(err, document.ErrObjectCorrupt) {
		return err
	}
	if _, bad := io.Copy(io.Discard, u.stored); bad != nil {
		return bad
	}
	return fmt.Errorf("storage: %w: %w", document.ErrObjectCorrupt, err)
}

// Close closes the connection.
func (u *unpacked) Close() error { return u.stored.Close() }

// crcOf finds the CRC32C among the checksums of an answer, which are in several headers or in one with commas.
func crcOf(h http.Header) (uint32, bool) {
	for _, line := range h.Values("X-Goog-Hash") {
		for sum := range strings.SplitSeq(line, ",") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(sum), "crc32c="); ok {
				return parseCRC(v)
			}
		}
	}
	return 0, false
}

// parseCRC parses Cloud Storage's notation of a CRC32C: its four bytes in big-endian order, in base64.
func parseCRC(s string) (uint32, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// storedSize returns the number of stored bytes, or -1 if the answer does not give it.
func storedSize(res *http.Response) int64 {
	if n, err := strconv.ParseInt(res.Header.Get("X-Goog-Stored-Content-Length"), 10, 64); err == nil && n >= 0 {
		return n
	}
	return res.ContentLength
}
