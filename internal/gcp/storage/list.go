package storage

import (
	"context"
	"time"

	api "google.golang.org/api/storage/v1"

	"github.com/bucketocr/bucketocr/internal/document"
)

var _ document.ObjectLister = (*Objects)(nil)

// objectBatch is how many objects are listed in one request, the most that Cloud Storage gives.
const objectBatch = 1000

// ListObjects is [document.ObjectLister]. It costs one list operation for each thousand objects, and the account needs
// storage.objects.list on the bucket.
func (s *Objects) ListObjects(ctx context.Context, l document.Listing, fn func(document.Listed) error) error {
	service, err := s.service.Get(ctx)
	if err != nil {
		return wrapError(ctx, err)
	}
	call := service.Objects.List(l.Bucket).Prefix(l.Prefix).MaxResults(objectBatch).
		Fields("nextPageToken", "items(name,generation,contentType,size,metadata,timeCreated)").Context(ctx)
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
		Attributes: document.Attributes{ContentType: o.ContentType, Size: int64(o.Size), Metadata: o.Metadata},
		Created:    created,
	}
}
