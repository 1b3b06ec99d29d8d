package gcp

import (
	"context"
	"errors"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Tally counts and sums up in Firestore, see [document.Lister]. Each figure is a query of its own over the index that
// Firestore keeps of every field (several in one would need a composite index), so they may be a moment apart. It costs
// one read for each thousand index entries that a figure goes over, one at least.
func (r *Records) Tally(ctx context.Context) (document.Tally, error) {
	t := document.Tally{Records: map[document.Status]int64{}}
	s, err := r.open(ctx, "tally")
	if err != nil {
		return t, err
	}
	count := &pb.StructuredAggregationQuery_Aggregation{
		Operator: &pb.StructuredAggregationQuery_Aggregation_Count_{Count: &pb.StructuredAggregationQuery_Aggregation_Count{}},
	}
	for _, status := range document.Statuses() {
		of := where("status", pb.StructuredQuery_FieldFilter_EQUAL, text(string(status)))
		if t.Records[status], err = s.aggregate(ctx, of, count); err != nil {
			return t, queryError(ctx, "tally", err)
		}
	}
	for path, sum := range map[string]func(int64){
		"pagesDone":              func(n int64) { t.Pages = n },
		"usage.promptTokens":     func(n int64) { t.Usage.PromptTokens = int(n) },
		"usage.completionTokens": func(n int64) { t.Usage.CompletionTokens = int(n) },
	} {
		n, err := s.aggregate(ctx, nil, sumOf(path))
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

// aggregate gives one figure over the records that the filter selects (nil: all).
func (s *store) aggregate(ctx context.Context, filter *pb.StructuredQuery_Filter, a *pb.StructuredAggregationQuery_Aggregation) (int64, error) {
	const name = "n"
	a = &pb.StructuredAggregationQuery_Aggregation{Operator: a.Operator, Alias: name}
	req := &pb.RunAggregationQueryRequest{
		Parent: s.root(),
		QueryType: &pb.RunAggregationQueryRequest_StructuredAggregationQuery{
			StructuredAggregationQuery: &pb.StructuredAggregationQuery{
				QueryType: &pb.StructuredAggregationQuery_StructuredQuery{
					StructuredQuery: &pb.StructuredQuery{From: from(s.collection), Where: filter},
				},
				Aggregations: []*pb.StructuredAggregationQuery_Aggregation{a},
			},
		},
	}
	var n *pb.Value
	err := s.stream(ctx, s.rpc.CallOptions.RunAggregationQuery, func(ctx context.Context) error {
		stream, err := s.rpc.RunAggregationQuery(ctx, req)
		if err != nil {
			return err
		}
		return receive(stream.Recv, func(answer *pb.RunAggregationQueryResponse) {
			if v := answer.GetResult().GetAggregateFields()[name]; v != nil {
				n = v
			}
		})
	})
	if err == nil && n == nil {
		err = errors.New("an aggregation without a result")
	}
	return n.GetIntegerValue(), err
}
