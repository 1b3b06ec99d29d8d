package gcp

import (
	"cmp"
	"context"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Due lists at most limit records whose Due is not after now, the longest overdue first. The query is
//
//	due <= now, ordered by due
//
// and its index is the one that Firestore keeps of every field; a record without due is not in it. It costs one read for
// each record listed.
func (r *Records) Due(ctx context.Context, now time.Time, limit int) ([]*document.Stored, error) {
	s, err := r.open(ctx, "due")
	if err != nil {
		return nil, err
	}
	docs, err := s.query(ctx, s.root(), &pb.StructuredQuery{
		From:    from(s.collection),
		Where:   where("due", pb.StructuredQuery_FieldFilter_LESS_THAN_OR_EQUAL, moment(now)),
		OrderBy: []*pb.StructuredQuery_Order{{Field: field("due"), Direction: pb.StructuredQuery_ASCENDING}},
		Limit:   wrapperspb.Int32(int32(min(limit, math.MaxInt32))),
	})
	if err != nil {
		return nil, queryError(ctx, "due", err)
	}
	var due []*document.Stored
	for _, doc := range docs {
		due = append(due, stored(doc))
	}
	return due, nil
}

// Pages reads the pages of one generation, in order. The query is
//
//	generation == generation
//
// and the order is made here, so the index that Firestore keeps of every field is enough. It costs one read for each page.
func (r *Records) Pages(ctx context.Context, id string, generation int64) ([]document.Page, error) {
	s, err := r.open(ctx, "pages")
	if err != nil {
		return nil, err
	}
	docs, err := s.query(ctx, s.document(id), &pb.StructuredQuery{
		From:  from(pagesCollection),
		Where: where("generation", pb.StructuredQuery_FieldFilter_EQUAL, number(generation)),
	})
	if err != nil {
		return nil, queryError(ctx, "pages", err)
	}
	var pages []document.Page
	for _, doc := range docs {
		pages = append(pages, readPage(doc.Fields))
	}
	slices.SortFunc(pages, func(a, b document.Page) int { return cmp.Compare(a.Page, b.Page) })
	return pages, nil
}

// clearBatch is how many pages are removed in one commit.
const clearBatch = 250

// ClearPages removes the page documents of all generations but keep (0: of all), a batch at a time. It may be repeated,
// and has to be after an error. The query is
//
//	generation != keep
//
// over the index that Firestore keeps of every field, and only names are read. It costs one read and one delete for each
// page and a read of the record, and one read where there is none.
func (r *Records) ClearPages(ctx context.Context, id string, keep int64) error {
	s, err := r.open(ctx, "clear pages")
	if err != nil {
		return err
	}
	others := &pb.StructuredQuery{
		From:   from(pagesCollection),
		Select: &pb.StructuredQuery_Projection{Fields: []*pb.StructuredQuery_FieldReference{field("__name__")}},
		Limit:  wrapperspb.Int32(clearBatch),
	}
	if keep != 0 {
		others.Where = where("generation", pb.StructuredQuery_FieldFilter_NOT_EQUAL, number(keep))
	}
	for {
		docs, err := s.query(ctx, s.document(id), others)
		if err != nil {
			return queryError(ctx, "clear pages", err)
		}
		listed := len(docs)
		if docs, err = s.notOfRecord(ctx, id, docs); err != nil {
			return err
		}
		if err := s.remove(ctx, docs); err != nil {
			return queryError(ctx, "clear pages", err)
		}
		if listed < clearBatch || len(docs) == 0 {
			return nil
		}
	}
}

// notOfRecord leaves out the pages of the generation that the record speaks of, unless that is a marker. The record is
// read after the pages were listed: pages are written with their record, so none of those listed can belong to a
// generation that comes later.
func (s *store) notOfRecord(ctx context.Context, id string, docs []*pb.Document) ([]*pb.Document, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	r, err := s.get(ctx, id)
	if err != nil || r == nil || r.Status == document.StatusDeleted {
		return docs, err
	}
	prefix := strconv.FormatInt(r.Generation, 10) + "-"
	return slices.DeleteFunc(docs, func(d *pb.Document) bool { return strings.HasPrefix(path.Base(d.Name), prefix) }), nil
}

// remove deletes documents in one commit. One that is gone already is no error.
func (s *store) remove(ctx context.Context, docs []*pb.Document) error {
	if len(docs) == 0 {
		return nil
	}
	var writes []*pb.Write
	for _, doc := range docs {
		writes = append(writes, &pb.Write{Operation: &pb.Write_Delete{Delete: doc.Name}})
	}
	_, err := s.rpc.Commit(s.routed(ctx), &pb.CommitRequest{Database: s.database, Writes: writes})
	return err
}

// query reads the documents beneath parent that q selects.
func (s *store) query(ctx context.Context, parent string, q *pb.StructuredQuery) ([]*pb.Document, error) {
	var docs []*pb.Document
	err := s.stream(ctx, s.rpc.CallOptions.RunQuery, func(ctx context.Context) error {
		docs = nil // of a stream that broke off
		stream, err := s.rpc.RunQuery(ctx, &pb.RunQueryRequest{
			Parent: parent, QueryType: &pb.RunQueryRequest_StructuredQuery{StructuredQuery: q},
		})
		if err != nil {
			return err
		}
		return receive(stream.Recv, func(answer *pb.RunQueryResponse) {
			if answer.GetDocument() != nil {
				docs = append(docs, answer.GetDocument())
			}
		})
	})
	return docs, err
}

// receive takes the answers of a stream until its end.
func receive[T any](next func() (T, error), take func(T)) error {
	for {
		answer, err := next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		take(answer)
	}
}

func from(collection string) []*pb.StructuredQuery_CollectionSelector {
	return []*pb.StructuredQuery_CollectionSelector{{CollectionId: collection}}
}

func field(path string) *pb.StructuredQuery_FieldReference {
	return &pb.StructuredQuery_FieldReference{FieldPath: path}
}

func where(path string, op pb.StructuredQuery_FieldFilter_Operator, value *pb.Value) *pb.StructuredQuery_Filter {
	return &pb.StructuredQuery_Filter{FilterType: &pb.StructuredQuery_Filter_FieldFilter{
		FieldFilter: &pb.StructuredQuery_FieldFilter{Field: field(path), Op: op, Value: value},
	}}
}
