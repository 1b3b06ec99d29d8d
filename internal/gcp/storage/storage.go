package storage

import (
	"context"
	"net/http"
	"time"

	api "google.golang.org/api/storage/v1"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp"
)

// Config locates Cloud Storage.
type Config struct {
	// Emulator is the address of an emulator, host:port or a URL, called without credentials. Empty: Cloud Storage
	// itself.
	Emulator string
}

// Objects implements [document.Objects] on Cloud Storage. Its account needs storage.objects.get on the bucket, and also
// storage.objects.list: without that Cloud Storage answers 403 for a missing object, a false alarm for the operator
// (the role storage.objectViewer has both).
//
// Each call makes up to four tries with short waits if Cloud Storage is busy or does not answer, and takes a minute at
// most until its answer: see [answerLimit] and [repeatLimit]. A body that breaks off, or that stalls for [stallLimit]
// while a Read waits, is not resumed: redelivery reads the whole object again. A call that these limits end returns
// [document.ErrStorageUnavailable]; a context's error means that the caller's own context has ended.
type Objects struct {
	service gcp.Lazy[*api.Service]
}

var (
	_ document.Objects      = (*Objects)(nil)
	_ document.ObjectLister = (*Objects)(nil)
)

// New returns the driver. It does not touch the network.
func New(c Config) *Objects {
	return &Objects{service: gcp.Lazy[*api.Service]{Make: func(ctx context.Context) (*api.Service, error) {
		return dial(ctx, c.Emulator, patience{answerLimit, stallLimit})
	}}}
}

// Open opens exactly the given generation; its bytes are returned as stored.
//
// The bytes are checked against Cloud Storage's CRC32C as they are read. A wrong checksum, a truncated body or a body
// that is too long fails with [document.ErrStorageUnavailable] before the last byte is returned, so that a reader that
// stops at the known size has read correct bytes. The checksum is part of the answer (X-Goog-Hash); if a proxy or an
// emulator omits it, one more call reads the object's metadata; bytes without any checksum are not accepted.
//
// An object stored with Content-Encoding gzip is decompressed after that check; its size is not known beforehand (-1).
// If it is not valid gzip, Read fails with [document.ErrObjectCorrupt]: the checksum was right, so the object itself is
// damaged.
func (s *Objects) Open(ctx context.Context, o document.Object) (document.Content, error) {
	service, err := s.service.Get(ctx)
	if err != nil {
		return document.Content{}, wrapError(ctx, err)
	}
	var res *http.Response
	err = retry(ctx, func() (err error) {
		res, err = service.Objects.Get(o.Bucket, o.Name).Generation(o.Generation).Context(ctx).Download()
		return err
	})
	if err != nil {
		return document.Content{}, wrapError(ctx, err)
	}
	sum, ok := crcOf(res.Header)
	if !ok {
		if sum, err = s.askSum(ctx, service, o); err != nil {
			res.Body.Close()
			return document.Content{}, err
		}
	}
	return content(ctx, res, sum), nil
}

// askSum reads the checksum from the object's metadata.
func (s *Objects) askSum(ctx context.Context, service *api.Service, o document.Object) (sum uint32, err error) {
	var meta *api.Object
	err = retry(ctx, func() (err error) {
		meta, err = service.Objects.Get(o.Bucket, o.Name).Generation(o.Generation).Fields("crc32c").Context(ctx).Do()
		return err
	})
	if err != nil {
		return 0, wrapError(ctx, err)
	}
	sum, ok := parseCRC(meta.Crc32c)
	if !ok {
		return 0, unavailable("the object has no checksum")
	}
	return sum, nil
}

// Live returns the name's current generation in the bucket, with its attributes. If there is none, or no bucket, the
// error wraps [document.ErrObjectGone].
func (s *Objects) Live(ctx context.Context, bucket, name string) (document.Object, document.Attributes, error) {
	service, err := s.service.Get(ctx)
	if err != nil {
		return document.Object{}, document.Attributes{}, wrapError(ctx, err)
	}
	var meta *api.Object
	err = retry(ctx, func() (err error) {
		meta, err = service.Objects.Get(bucket, name).Fields("generation", "contentType", "size", "md5Hash",
			"metadata").Context(ctx).Do()
		return err
	})
	if err != nil {
		return document.Object{}, document.Attributes{}, wrapError(ctx, err)
	}
	if meta.Generation <= 0 {
		return document.Object{}, document.Attributes{}, unavailable("the answer names no generation")
	}
	return document.Object{Bucket: bucket, Name: name, Generation: meta.Generation}, attributes(meta), nil
}

// maxContentType is how many bytes of a declared type are kept, the same as for events. Metadata needs no limit: Cloud
// Storage limits it to 8 KiB.
const maxContentType = 255

func attributes(o *api.Object) document.Attributes {
	return document.Attributes{ContentType: document.Clip(o.ContentType, maxContentType), Size: int64(o.Size),
		MD5: document.MD5(o.Md5Hash), Metadata: o.Metadata}
}

// listBatch is how many objects are listed in one request, the most that Cloud Storage returns.
const listBatch = 1000

// ListObjects implements [document.ObjectLister]. It costs one list operation per thousand objects, and the account
// needs storage.objects.list on the bucket.
func (s *Objects) ListObjects(ctx context.Context, l document.Listing, fn func(document.Listed) error) error {
	service, err := s.service.Get(ctx)
	if err != nil {
		return wrapError(ctx, err)
	}
	call := service.Objects.List(l.Bucket).Prefix(l.Prefix).MaxResults(listBatch).
		Fields("nextPageToken", "items(name,generation,contentType,size,md5Hash,metadata,timeCreated)").Context(ctx)
	if l.After != "" {
		call.StartOffset(l.After)
	}
	for {
		var page *api.Objects
		err := retry(ctx, func() (err error) { page, err = call.Do(); return err })
		if err != nil {
			return wrapError(ctx, err)
		}
		for _, o := range page.Items {
			if o.Name == l.After { // the listing includes its starting point
				continue
			}
			if err := fn(listed(l.Bucket, o)); err != nil {
				return err
			}
		}
		if page.NextPageToken == "" {
			return nil
		}
		call.PageToken(page.NextPageToken)
	}
}

func listed(bucket string, o *api.Object) document.Listed {
	created, _ := time.Parse(time.RFC3339, o.TimeCreated) // zero if missing: then the object counts as old
	return document.Listed{
		Object:     document.Object{Bucket: bucket, Name: o.Name, Generation: o.Generation},
		Attributes: attributes(o),
		Created:    created,
	}
}
