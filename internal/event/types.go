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

// The CloudEvent types of Cloud Storage that Decode reads. Triggers for the last two are needed only with
// ON_DELETE=erase: TypeDeleted means that a generation was deleted or overwritten, TypeArchived that the live
// generation of a versioned bucket became noncurrent. Both mean that the object is no longer in the bucket under that
// generation.
const (
	TypeFinalized = "google.cloud.storage.object.v1.finalized"
	TypeDeleted   = "google.cloud.storage.object.v1.deleted"
	TypeArchived  = "google.cloud.storage.object.v1.archived"
)

// TypeSweep is the type of the event that requests a sweep (see [Sweep]). It concerns no object: the handler checks for
// it before it calls Decode, which returns ErrOtherType for it.
const TypeSweep = "bucketocr.sweep"

// TypeReconcile is the type of the event that requests a reconciliation (see [Reconcile]). It is not for Decode either.
const TypeReconcile = "bucketocr.reconcile"

// TypeEnded is the type of the event that announces the end of a document (see [Ended]). It is for others to receive.
const TypeEnded = "bucketocr.document.v1.ended"

// Limits in bytes, beside those for names in package document. That for metadata is twice Cloud Storage's 8 KiB.
const (
	maxContentType = 255
	maxMetadata    = 16 << 10 // keys and values together
	maxID          = 256
)

// check returns an error if Decode could not have returned the object.
func check(o document.Object) error {
	switch {
	case o.Bucket == "" || len(o.Bucket) > document.MaxBucket || strings.Contains(o.Bucket, "/") ||
		!utf8.ValidString(o.Bucket):
		return fmt.Errorf("no bucket's name: %.100q", o.Bucket)
	case o.Name == "":
		return errors.New("no object name")
	case len(o.Name) > document.MaxName:
		return fmt.Errorf("an object name of %d bytes, over %d", len(o.Name), document.MaxName)
	case !utf8.ValidString(o.Name):
		return fmt.Errorf("an object name that is not UTF-8: %.100q", o.Name)
	case o.Generation <= 0:
		return fmt.Errorf("generation %d: not above 0", o.Generation)
	}
	return nil
}

// cleanID converts an id to one that can be stored as text and sent as a header.
func cleanID(id string) string {
	id = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r // invalid UTF-8 arrives as RuneError
	}, id)
	for len(id) > maxID {
		_, size := utf8.DecodeLastRuneInString(id)
		id = id[:len(id)-size]
	}
	return strings.TrimSpace(id)
}

// storable reports whether t is not zero and within the years that RFC 3339 and Firestore support.
func storable(t time.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && year >= 1 && year <= 9999
}
