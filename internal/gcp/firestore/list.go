package firestore

import (
	"context"
	"path"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bucketocr/bucketocr/internal/document"
)

var _ document.Lister = (*Store)(nil)

// listBatch is how many records one query asks for, so that no stream stays open while a slow caller works.
const listBatch = 300

// List lists the records of q, see [document.Lister]. It costs one read per record listed. The queries are
//
//	all, by id
//	status == status, and with it warnings contains warning, and model == model, by id
//	status == status and finished >= since, the newest first
//	due <= by, the longest overdue first
//	name >= from and name <= to, by name
//
// Queries ordered by id need only the indexes that Firestore keeps for every field; the third needs the composite index
// of status and finished.
func (s *Store) List(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	c, err := s.open(ctx, "list")
	if err != nil {
		return err
	}
	query := c.listQuery(q)
	for {
		docs, at, err := c.query(ctx, c.root(), query)
		if err != nil {
			return queryError(ctx, "list", err)
		}
		for _, doc := range docs {
			if err := fn(stored(doc, at)); err != nil {
				return err
			}
		}
		if len(docs) < listBatch {
			return nil
		}
		query.StartAt = after(query, docs[len(docs)-1])
	}
}

func (c *conn) listQuery(q document.Query) *pb.StructuredQuery {
	query := &pb.StructuredQuery{
		From: from(c.collection), Select: exceptText(), Limit: wrapperspb.Int32(listBatch),
		OrderBy: []*pb.StructuredQuery_Order{ascending("__name__")},
	}
	var all []*pb.StructuredQuery_Filter
	if q.Status != "" {
		all = append(all, where("status", pb.StructuredQuery_FieldFilter_EQUAL, textValue(string(q.Status))))
	}
	if q.Warning != "" {
		all = append(all, where("warnings", pb.StructuredQuery_FieldFilter_ARRAY_CONTAINS, textValue(q.Warning)))
	}
	if q.Model != "" {
		all = append(all, where("model", pb.StructuredQuery_FieldFilter_EQUAL, textValue(q.Model)))
	}
	if !q.FinishedSince.IsZero() {
		all = append(all, where("finished", pb.StructuredQuery_FieldFilter_GREATER_THAN_OR_EQUAL,
			momentValue(q.FinishedSince)))
		query.OrderBy = []*pb.StructuredQuery_Order{descending("finished"), descending("__name__")}
	}
	if !q.DueBy.IsZero() {
		all = append(all, where("due", pb.StructuredQuery_FieldFilter_LESS_THAN_OR_EQUAL, momentValue(q.DueBy)))
		query.OrderBy = []*pb.StructuredQuery_Order{ascending("due"), ascending("__name__")}
	}
	if q.Names != nil {
		all = append(all, where("name", pb.StructuredQuery_FieldFilter_GREATER_THAN_OR_EQUAL, textValue(q.Names.From)))
		if q.Names.To != "" {
			all = append(all, where("name", pb.StructuredQuery_FieldFilter_LESS_THAN_OR_EQUAL, textValue(q.Names.To)))
		}
		query.OrderBy = []*pb.StructuredQuery_Order{ascending("name"), ascending("__name__")}
	}
	query.Where = and(all)
	return query
}

// headFields are the names of all fields of a record except its text.
var headFields = []string{
	"attempt", "blank", "bucket", "contentType", "copiedFrom", "created", "due", "error", "eventId", "eventTime",
	"file",
	"finished", "generation", "interruptions", "lease", "markerExpires", "md5", "metadata", "mode", "model", "name",
	"notified", "owner", "pages", "pagesDone", "profile", "retried",
	"rereading", "retriedBy", "reuseKey", "schema", "size", "started", "status", "strikes", "textInPages", "updated",
	"usage", "warnings", "windowStart", "write",
}

// exceptText selects all fields of a record except its text.
func exceptText() *pb.StructuredQuery_Projection {
	p := &pb.StructuredQuery_Projection{}
	for _, name := range headFields {
		p.Fields = append(p.Fields, field(name))
	}
	return p
}

// Heads reads the records of several ids, see [document.Lister]. It costs one read per id.
func (s *Store) Heads(ctx context.Context, ids []string) ([]*document.Stored, error) {
	c, err := s.open(ctx, "heads")
	if err != nil {
		return nil, err
	}
	byID, at, err := c.batchGet(ctx, ids)
	if err != nil {
		return nil, queryError(ctx, "heads", err)
	}
	found := make([]*document.Stored, len(ids))
	for i, id := range ids {
		found[i] = stored(byID[id], at)
	}
	return found, nil
}

// batchGet reads documents without text, by id, and returns them with the time at which they were read.
func (c *conn) batchGet(ctx context.Context, ids []string) (byID map[string]*pb.Document, at *timestamppb.Timestamp,
	err error) {
	req := &pb.BatchGetDocumentsRequest{Database: c.database, Mask: &pb.DocumentMask{FieldPaths: headFields}}
	for _, id := range ids {
		req.Documents = append(req.Documents, c.recordName(id))
	}
	byID = map[string]*pb.Document{}
	err = c.stream(ctx, c.rpc.CallOptions.BatchGetDocuments, func(ctx context.Context, heard func()) error {
		stream, err := c.rpc.BatchGetDocuments(ctx, req)
		if err != nil {
			return err
		}
		return receive(stream.Recv, func(answer *pb.BatchGetDocumentsResponse) {
			heard()
			at = answer.ReadTime
			if doc := answer.GetFound(); doc != nil {
				byID[path.Base(doc.Name)] = doc
			}
		})
	})
	return byID, at, err
}

// Tally counts and sums up in Firestore, see [document.Lister]. Each figure is a separate query over the index that
// Firestore keeps for every field (several in one would need a composite index), so they may be a moment apart. Each
// figure costs one read per thousand index entries, at least one.
func (s *Store) Tally(ctx context.Context) (document.Tally, error) {
	t := document.Tally{Records: map[document.Status]int64{}}
	c, err := s.open(ctx, "tally")
	if err != nil {
		return t, err
	}
	count := &pb.StructuredAggregationQuery_Aggregation{
		Operator: &pb.StructuredAggregationQuery_Aggregation_Count_{
			Count: &pb.StructuredAggregationQuery_Aggregation_Count{}},
	}
	for _, status := range document.Statuses() {
		of := where("status", pb.StructuredQuery_FieldFilter_EQUAL, textValue(string(status)))
		if t.Records[status], err = c.aggregate(ctx, of, count); err != nil {
			return t, queryError(ctx, "tally", err)
		}
	}
	for path, sum := range map[string]func(int64){
		"pagesDone":              func(n int64) { t.Pages = n },
		"usage.promptTokens":     func(n int64) { t.Usage.PromptTokens = int(n) },
		"usage.completionTokens": func(n int64) { t.Usage.CompletionTokens = int(n) },
	} {
		n, err := c.aggregate(ctx, nil, sumOf(path))
		if err != nil {
			return t, queryError(ctx, "tally", err)
		}
		sum(n)
	}
	return t, nil
}

func sumOf(path string) *pb.StructuredAggregationQuery_Aggregation {
	return &pb.StructuredAggregationQuery_Aggregation{
		Operator: &pb.StructuredAggregationQuery_Aggregation_Sum_{
			Sum: &pb.StructuredAggregationQuery_Aggregation_Sum{Field: field(path)},
		},
	}
}
