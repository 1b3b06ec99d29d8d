package ui

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// stalling is a bucket of one picture under every name. That of "fine" comes whole, of any other so many bytes and no
// more until the context ends; -1: it is not even opened.
type stalling struct {
	picture []byte
	length  int
}

func (s stalling) Open(ctx context.Context, o document.Object) (document.Content, error) {
	length := s.length
	if o.Name == "fine" {
		length = len(s.picture)
	}
	if length < 0 {
		<-ctx.Done()
		return document.Content{}, ctx.Err()
	}
	var r io.Reader = bytes.NewReader(s.picture[:length])
	if length < len(s.picture) {
		r = io.MultiReader(r, held{ctx})
	}
	return document.Content{ReadCloser: io.NopCloser(r), Size: int64(len(s.picture))}, nil
}

// held is what does not come.
type held struct{ ctx context.Context }

func (h held) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

// A bucket that hangs, at whatever point, blocks the making of pictures only for a limited time.
func TestHangingBucketKeepsNoPlace(t *testing.T) {
	t.Parallel()
	whole := dot(600, 800)
	for name, length := range map[string]int{
		"when it is opened": -1, "before the first byte": 0, "in the header": 20, "in the pixels": len(whole) - 20,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAlbum(stalling{whole, length},
					page.Limits{Edge: pictureEdge, MaxBytes: 1 << 20, MaxPixels: 1e7, MaxPages: 100})
				defer a.close()
				get := func(name string, patience time.Duration) error {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					_, err := a.make(ctx, document.Object{Bucket: "b", Name: name, Generation: 1}, 1, 0)
					return err
				}
				hung := make(chan error, albumPlaces)
				for _, name := range []string{"a", "b"} {
					go func() { hung <- get(name, pictureTime) }()
				}
				synctest.Wait()
				if err := get("fine", 3*pictureTime); err != nil {
					t.Errorf("a file that is read: %v", err)
				}
				for range albumPlaces {
					if err := <-hung; !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("a file that hangs: %v, want DeadlineExceeded", err)
					}
				}
				if n := len(a.open); n != 1 {
					t.Errorf("%d files are open, want the one that was read", n)
				}
			})
		})
	}
}

// withComment returns a PNG with a text chunk after its header, as a camera writes where a picture was taken.
func withComment(file []byte, comment string) []byte {
	const header = 8 + 12 + 13 // signature and IHDR
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(comment)))
	body := append([]byte("tEXt"), comment...)
	chunk = binary.BigEndian.AppendUint32(append(chunk, body...), crc32.ChecksumIEEE(body))
	return slices.Concat(file[:header], chunk, file[header:])
}

// What a browser gets of a file is only its pixels, also of one that would do as it is; and of one that is cut off,
// what can be decoded.
func TestPicturesAreReencoded(t *testing.T) {
	t.Parallel()
	const secret = "GPS\x0048.2082 N 16.3738 E"
	d := newDesk(t)
	for name, file := range map[string][]byte{
		"described.png": withComment(dot(40, 30), secret), "cut.png": noise(400, 300)[:9000],
		"described thumbnail.png": withComment(dot(60, 60), secret),
	} {
		d.bucket.PutAs(name, 7, file)
		id := d.write(name, func(r *document.Record) { r.Bucket = "bucket" })
		for _, path := range []string{"/pages/1/image", "/thumbnail"} {
			code, h, body := d.ask("GET", "/api/documents/"+id+path+"?generation=7", "", nil)
			if _, err := png.Decode(strings.NewReader(body)); code != 200 || err != nil {
				t.Errorf("%s of %s: %d %v %v", path, name, code, h, err)
			}
			if strings.Contains(body, secret) {
				t.Errorf("%s of %s has the file's comment", path, name)
			}
		}
	}
}
