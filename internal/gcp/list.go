package gcp

import (
	"context"
	"maps"
	"path"
	"slices"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bucketocr/bucketocr/internal/document"
)

var _ document.Lister = (*Records)(nil)

// listBatch is how many records one query asks for, so that no stream stays open while a caller takes its time.
const listBatch = 300

// List goes through the records of q, see [document.Lister]. It costs one read for each record listed. The queries are
//
//	all, by id
//	status == status, and with it warnings contains warning, and model == model, by id
//	status == status and finished >= since, the newest first
//	due <= by, the longest overdue first
//
// Those by id need no index but those that Firestore keeps of every field; the third is what the composite index of status
// and finished is for.
func (r *Records) List(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	s, err := r.open(ctx, "list")
	if err != nil {
		return err
	}
	query := s.listQuery(q)
	for {
		docs, err := s.query(ctx, s.root(), query)
		if err != nil {
			return queryError(ctx, "list", err)
		}
		for _, doc := range docs {
			if err := fn(stored(doc)); err != nil {
				return err
			}
		}
		if len(docs) < listBatch {
			return nil
		}
		query.StartAt = after(query, docs[len(docs)-1])
	}
}

func (s *store) listQuery(q document.Query) *pb.StructuredQuery {
	query := &pb.StructuredQuery{
		From: from(s.collection), Select: headFields(), Limit: wrapperspb.Int32(listBatch),
		OrderBy: []*pb.StructuredQuery_Order{ascending("__name__")},
	}
	var all []*pb.StructuredQuery_Filter
	if q.Status != "" {
		all = append(all, where("status", pb.StructuredQuery_FieldFilter_EQUAL, text(string(q.Status))))
	}
	if q.Warning != "" {
		all = append(all, where("warnings", pb.StructuredQuery_FieldFilter_ARRAY_CONTAINS, text(q.Warning)))
	}
	if q.Model != "" {
		all = append(all, where("model", pb.StructuredQuery_FieldFilter_EQUAL, text(q.Model)))
	}
	if !q.FinishedSince.IsZero() {
		all = append(all, where("finished", pb.StructuredQuery_FieldFilter_GREATER_THAN_OR_EQUAL, moment(q.FinishedSince)))
		query.OrderBy = []*pb.StructuredQuery_Order{descending("finished"), descending("__name__")}
	}
	if !q.DueBy.IsZero() {
		all = append(all, where("due", pb.StructuredQuery_FieldFilter_LESS_THAN_OR_EQUAL, moment(q.DueBy)))
		query.OrderBy = []*pb.StructuredQuery_Order{ascending("due"), ascending("__name__")}
	}
	query.Where = and(all)
	return query
}

// and joins filters; nil for none.
func and(all []*pb.StructuredQuery_Filter) *pb.StructuredQuery_Filter {
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return &pb.StructuredQuery_Filter{FilterType: &pb.StructuredQuery_Filter_CompositeFilter{
		CompositeFilter: &pb.StructuredQuery_CompositeFilter{Op: pb.StructuredQuery_CompositeFilter_AND, Filters: all},
	}}
}

func ascending(path string) *pb.StructuredQuery_Order {
	return &pb.StructuredQuery_Order{Field: field(path), Direction: pb.StructuredQuery_ASCENDING}
}

func descending(path string) *pb.StructuredQuery_Order {
	return &pb.StructuredQuery_Order{Field: field(path), Direction: pb.StructuredQuery_DESCENDING}
}

// after is the place behind doc in the query's order.
func after(query *pb.StructuredQuery, doc *pb.Document) *pb.Cursor {
	c := &pb.Cursor{}
	for _, o := range query.OrderBy {
		v := doc.Fields[o.Field.FieldPath]
		if o.Field.FieldPath == "__name__" {
			v = &pb.Value{ValueType: &pb.Value_ReferenceValue{ReferenceValue: doc.Name}}
		}
		c.Values = append(c.Values, v)
	}
	return c
}

// headFields selects all of a record but its text.
func headFields() *pb.StructuredQuery_Projection {
	p := &pb.StructuredQuery_Projection{}
	for _, name := range heads() {
		p.Fields = append(p.Fields, field(name))
	}
	return p
}

// heads are the names of all fields but text: those of a record that has everything.
func heads() []string {
	t := time.Unix(1, 0)
	full := recordFields(&document.Record{
		RetriedBy: "x", Error: &document.Error{}, Lease: &document.Lease{}, WindowStart: t, Due: t, Retried: t,
		EventTime: t, Created: t, Started: t, Updated: t, Finished: t, MarkerExpires: t,
	})
	return append(slices.Sorted(maps.Keys(full)), "write")
}

// Heads reads the records of several ids, see [document.Lister]. It costs one read for each id.
func (r *Records) Heads(ctx context.Context, ids []string) ([]*document.Stored, error) {
	s, err := r.open(ctx, "heads")
	if err != nil {
		return nil, err
	}
	byID, err := s.heads(ctx, ids)
	if err != nil {
		return nil, queryError(ctx, "heads", err)
	}
	found := make([]*document.Stored, len(ids))
	for i, id := range ids {
		found[i] = stored(byID[id])
	}
	return found, nil
}

// heads reads documents without text, by id.
func (s *store) heads(ctx context.Context, ids []string) (map[string]*pb.Document, error) {
	req := &pb.BatchGetDocumentsRequest{Database: s.database, Mask: &pb.DocumentMask{FieldPaths: heads()}}
	for _, id := range ids {
		req.Documents = append(req.Documents, s.document(id))
	}
	byID := map[string]*pb.Document{}
	err := s.stream(ctx, s.rpc.CallOptions.BatchGetDocuments, func(ctx context.Context) error {
		stream, err := s.rpc.BatchGetDocuments(ctx, req)
		if err != nil {
			return err
		}
		return receive(stream.Recv, func(answer *pb.BatchGetDocumentsResponse) {
			if doc := answer.GetFound(); doc != nil {
				byID[path.Base(doc.Name)] = doc
			}
		})
	})
	return byID, err
}
