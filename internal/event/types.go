package event

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/document"
)

// The CloudEvent types of Cloud Storage that Decode reads. Triggers for the last two belong to ON_DELETE=erase only:
// TypeDeleted says that a generation is gone (removed or overwritten), TypeArchived, on a versioned bucket, that the
// live generation became a noncurrent one. Both mean that the object is no longer in the bucket under that generation.
const (
	TypeFinalized = "google.cloud.storage.object.v1.finalized"
	TypeDeleted   = "google.cloud.storage.object.v1.deleted"
	TypeArchived  = "google.cloud.storage.object.v1.archived"
)

// TypeSweep is the type of the event that asks for a sweep (see [Sweep]). It is about no object: the handler looks for
// it before it calls Decode, to which it is of another type.
const TypeSweep = "bucketocr.sweep"

// TypeReconcile is the type of the event that asks for a reconciliation (see [Reconcile]), and as little to Decode.
const TypeReconcile = "bucketocr.reconcile"

// TypeEnded is the type of the event that announces the end of a document (see [Ended]). It is for others to receive.
const TypeEnded = "bucketocr.document.v1.ended"

// What is accepted, in bytes. Names and metadata have Cloud Storage's own limits, metadata twice of it (8 KiB).
const (
	maxBucket      = 255 // of Cloud Storage at most 222; locally the bucket is a folder's name
	maxName        = 1024
	maxContentType = 255
	maxMetadata    = 16 << 10 // keys and values together
	maxID          = 256
)

// check holds an object to what Decode promises.
func check(o document.Object) error {
	switch {
	case o.Bucket == "" || len(o.Bucket) > maxBucket || strings.Contains(o.Bucket, "/") || !utf8.ValidString(o.Bucket):
		return fmt.Errorf("no bucket's name: %.100q", o.Bucket)
	case o.Name == "":
		return errors.New("no object name")
	case len(o.Name) > maxName:
		return fmt.Errorf("an object name of %d bytes, over %d", len(o.Name), maxName)
	case !utf8.ValidString(o.Name):
		return fmt.Errorf("an object name that is not UTF-8: %.100q", o.Name)
	case o.Generation <= 0:
		return fmt.Errorf("generation %d: not above 0", o.Generation)
	}
	return nil
}

// cleanID makes an id that can be stored as text and sent as a header.
func cleanID(id string) string {
	id = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r // what is not UTF-8 arrives as RuneError
	}, id)
	for len(id) > maxID {
		_, size := utf8.DecodeLastRuneInString(id)
		id = id[:len(id)-size]
	}
	return strings.TrimSpace(id)
}

// storable reports whether t is a time at all, and of the years that RFC 3339 and Firestore know.
func storable(t time.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && year >= 1 && year <= 9999
}
