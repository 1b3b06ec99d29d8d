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

// Object names one version of one object in a bucket.
type Object struct {
	Bucket string
	Name   string
	// Generation is unique per object. That it grows is how it looks, not a promise: see [Objects.Live].
	Generation int64
}

// ID is the id of the object's document: lower-case hex SHA-256 of "bucket/name". Bucket names hold no slash, so no two
// objects share one. It does not depend on the generation: every version of an object has the same document.
func (o Object) ID() string {
	sum := sha256.Sum256([]byte(o.Bucket + "/" + o.Name))
	return hex.EncodeToString(sum[:])
}

// URL returns the object's address, gs://BUCKET/NAME, as the record's field "file" holds it: Google's extension
// storage-extract-image-text calls it so, and its clients ask for it.
func (o Object) URL() string { return "gs://" + o.Bucket + "/" + o.Name }

// Attributes are what the uploader declared of an object. None of it is trusted: the bytes decide.
type Attributes struct {
	ContentType string
	Size        int64  // bytes as stored; 0 where the event did not say
	MD5         string // of the bytes as stored, in lower-case hex; "" where it is not known, as for composite objects
	Metadata    map[string]string
}

// MD5 returns in hex a sum that Cloud Storage gives in Base64; "" for what is none.
func MD5(base64Sum string) string {
	sum, err := base64.StdEncoding.DecodeString(base64Sum)
	if err != nil || len(sum) != md5.Size {
		return ""
	}
	return hex.EncodeToString(sum)
}

// Kind is what happened to the object.
type Kind string

// The kinds of event that reach Process.
const (
	KindFinalized Kind = "finalized" // a new generation is in the bucket
	KindDeleted   Kind = "deleted"   // a generation left it: removed, overwritten or archived
)

// Event is what arrived: one thing that happened to one generation of an object.
type Event struct {
	Kind Kind
	ID   string    // the CloudEvent's id
	Time time.Time // when it happened, as the event says
	Object
	Attributes
	Owner string // whose object it is, by its name; "" for none
}

// Content is an object's bytes, from the first. The size limit is the reader's business; the checksum is the driver's:
// the Read that delivers the last stored byte fails with [ErrStorageUnavailable] where the sum is wrong.
type Content struct {
	io.ReadCloser
	Size int64 // bytes that Read will deliver; -1 where it is not known beforehand (stored compressed)
}

// Objects is the bucket. All methods may be called concurrently and repeated; none changes anything. Errors wrap
// [ErrObjectGone], [ErrObjectCorrupt], [ErrObjectLocked], [ErrStorageUnavailable] or [ErrStorageMisconfigured], or are
// the context's.
type Objects interface {
	// Open reads exactly the given generation. The context bounds the reading too; a reading that stalls fails by
	// itself, with [ErrStorageUnavailable].
	Open(ctx context.Context, o Object) (Content, error)
	// Live returns the generation of the name that is in the bucket now, with its attributes. It is asked only when an
	// event and the record, or an event and the bucket, disagree.
	Live(ctx context.Context, bucket, name string) (Object, Attributes, error)
}
