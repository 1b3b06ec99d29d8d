package archive

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// collection implements [documents] with Firestore.
type collection struct{ *firestore.CollectionRef }

func (c collection) Get(ctx context.Context, id string) (*Document, error) {
	snapshot, err := c.Doc(id).Get(ctx)
	if status.Code(err) == codes.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var d Document
	return &d, snapshot.DataTo(&d)
}

func (c collection) Pages(ctx context.Context, id string, generation int64) ([]string, error) {
	snapshots, err := c.Doc(id).Collection("ocr_pages").Where("generation", "==", generation).Documents(ctx).GetAll()
	if err != nil {
		return nil, err
	}
	type page struct {
		Page int    `firestore:"page"`
		Text string `firestore:"text"`
	}
	pages := make([]page, len(snapshots))
	for i, s := range snapshots {
		if err := s.DataTo(&pages[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(pages, func(a, b page) int { return a.Page - b.Page })
	texts := make([]string, len(pages))
	for i, p := range pages {
		texts[i] = p.Text
	}
	return texts, nil
}

// bucket implements [files] with Cloud Storage.
type bucket struct{ *storage.BucketHandle }

func (b bucket) Version(ctx context.Context, name string) (int64, error) {
	attrs, err := b.Object(name).Attrs(ctx)
	if errors.Is(err, storage.ErrObjectNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return attrs.Generation, nil
}

func (b bucket) at(name string, version int64) *storage.ObjectHandle {
	if version == 0 {
		return b.Object(name).If(storage.Conditions{DoesNotExist: true})
	}
	return b.Object(name).If(storage.Conditions{GenerationMatch: version})
}

func (b bucket) Write(ctx context.Context, name, contentType string, data []byte, version int64) error {
	w := b.at(name, version).NewWriter(ctx)
	w.ContentType, w.ChunkSize = contentType, 0
	if _, err := w.Write(data); err != nil {
		return errors.Join(err, w.Close())
	}
	return w.Close()
}

func (b bucket) Remove(ctx context.Context, name string, version int64) error {
	if version == 0 {
		return nil
	}
	err := b.at(name, version).Delete(ctx)
	if e, ok := errors.AsType[*googleapi.Error](err); errors.Is(err, storage.ErrObjectNotExist) || ok &&
		e.Code == http.StatusNotFound {
		return nil
	}
	return err
}
