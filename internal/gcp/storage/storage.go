package storage

import (
	"context"
	"net/http"
	"time"

	api "google.golang.org/api/storage/v1"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp"
)

// Config says where Cloud Storage is.
type Config struct {
	// Emulator is the address of a stand-in, host:port or a URL, asked without credentials.
	// Empty: Cloud Storage itself.
	Emulator string
}

// Objects is [document.Objects] over Cloud Storage. The account that it runs as needs storage.objects.get on the
// bucket, and storage.objects.list too: without it Cloud Storage answers 403 for an object that is gone, and an
// operator is called for nothing (the role storage.objectViewer holds both).
//
// Each call makes up to four tries with short waits where Cloud Storage is busy or does not answer, and takes a minute
// at most until its answer: see [answerLimit] and [repeatLimit]. A body that breaks off, or of which no byte comes for
// [stallLimit] while a Read waits, is not resumed: redelivery repeats the whole. What these limits end is
// [document.ErrStorageUnavailable]; the context's error is the caller's own end alone.
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

// Open reads exactly the given generation, as its bytes are stored.
//
// The CRC32C that Cloud Storage keeps is checked over the bytes as they pass. A wrong sum, a body cut short and one too
// long fail with [document.ErrStorageUnavailable] before the last byte is handed out, so that a reader who stops at the
// known size has read bytes that are right. The sum comes with the answer (X-Goog-Hash); where a proxy or a stand-in
// dropped it, the object's metadata is asked, one more call; bytes without any sum are not accepted.
//
// An object stored with Content-Encoding gzip is unpacked after that check, its size unknown beforehand (-1). Where it
// is no gzip, Read fails with [document.ErrObjectCorrupt]: the sum was right, so this is the object's own fault.
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

// askSum reads the checksum that did not come with the bytes.
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
		return 0, unavailable("no checksum comes with the object")
	}
	return sum, nil
}

// Live returns the generation of the name that is in the bucket now, with its attributes. Where there is none, or no
// bucket, the error wraps [document.ErrObjectGone].
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

// maxContentType is how much of a declared type is kept, in bytes, as of an event's. Metadata are 8 KiB at most by
// Cloud Storage's own limit.
const maxContentType = 255

func attributes(o *api.Object) document.Attributes {
	return document.Attributes{ContentType: document.Clip(o.ContentType, maxContentType), Size: int64(o.Size),
		MD5: document.MD5(o.Md5Hash), Metadata: o.Metadata}
}

// listBatch is how many objects are listed in one request, the most that Cloud Storage returns.
const listBatch = 1000

// ListObjects is [document.ObjectLister]. It costs one list operation for each thousand objects, and the account needs
// storage.objects.list on the bucket.
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
			if o.Name == l.After { // where the listing begins includes the name itself
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
	created, _ := time.Parse(time.RFC3339, o.TimeCreated) // zero where it does not say: then it is old enough
	return document.Listed{
		Object:     document.Object{Bucket: bucket, Name: o.Name, Generation: o.Generation},
		Attributes: attributes(o),
		Created:    created,
	}
}
