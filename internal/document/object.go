package document

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"time"
)

// Limits for names, in bytes of UTF-8.
const (
	MaxBucket = 255  // 222 in Cloud Storage; a local bucket's name is a folder's
	MaxName   = 1024 // of an object; Cloud Storage's own
)

// Object names one version of one object in a bucket.
type Object struct {
	Bucket string
	Name   string
	// Generation is unique per object. Usually it grows, but that is not guaranteed: see [Objects.Live].
	Generation int64
}

// ID is the id of the object's document: lower-case hex SHA-256 of "bucket/name". Bucket names have no slash, so ids
// are unique per object. The id does not depend on the generation: all versions of an object share a document.
func (o Object) ID() string {
	sum := sha256.Sum256([]byte(o.Bucket + "/" + o.Name))
	return hex.EncodeToString(sum[:])
}

// URL returns the object's address, gs://BUCKET/NAME, which is also the record's field "file": Google's extension
// storage-extract-image-text uses that name, and its clients query it.
func (o Object) URL() string { return "gs://" + o.Bucket + "/" + o.Name }

// Attributes are declared by an object's uploader. They are not trusted: the bytes decide.
type Attributes struct {
	ContentType string
	Size        int64  // bytes as stored; 0 if the event did not give it
	MD5         string // of the bytes as stored, in lower-case hex; "" if unknown, as for composite objects
	Metadata    map[string]string
}

// MD5 converts Cloud Storage's Base64 checksum to hex; it returns "" for an invalid one.
func MD5(base64Sum string) string {
	sum, err := base64.StdEncoding.DecodeString(base64Sum)
	if err != nil || len(sum) != md5.Size {
		return ""
	}
	return hex.EncodeToString(sum)
}

// Kind is the kind of an event.
type Kind string

// The kinds of event that reach Process.
const (
	KindFinalized Kind = "finalized" // a new generation is in the bucket
	KindDeleted   Kind = "deleted"   // a generation was deleted, overwritten or archived
)

// Event is a change to one generation of an object.
type Event struct {
	Kind Kind
	ID   string    // the CloudEvent's id
	Time time.Time // when it happened, according to the event
	Object
	Attributes
	Owner string // the object's owner, by its name; "" if none
}

// Content is an object's bytes, from the first. The reader enforces the size limit, the driver checks the checksum: if
// it is wrong, the Read that should return the last stored byte fails with [ErrStorageUnavailable].
type Content struct {
	io.ReadCloser
	Size int64 // bytes that Read will return in total; -1 if not known beforehand (stored compressed)
}

// Objects reads objects in buckets. All methods may be called concurrently and repeated; none changes anything. Errors
// wrap [ErrObjectGone], [ErrObjectCorrupt], [ErrObjectLocked], [ErrStorageUnavailable] or [ErrStorageMisconfigured], or
// are the context's.
type Objects interface {
	// Open opens exactly the given generation. The context also limits reading; a stalled Read fails with
	// [ErrStorageUnavailable].
	Open(ctx context.Context, o Object) (Content, error)
	// Live returns the name's current generation in the bucket, with its attributes. It is called only when an event
	// and the record, or an event and the bucket, disagree.
	Live(ctx context.Context, bucket, name string) (Object, Attributes, error)
}
