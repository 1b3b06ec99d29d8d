package firestore

import (
	"context"
	"errors"
	"io"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"github.com/googleapis/gax-go/v2"
)

// query reads the documents beneath parent that q selects.
func (c *conn) query(ctx context.Context, parent string, q *pb.StructuredQuery) ([]*pb.Document, error) {
	var docs []*pb.Document
	err := c.stream(ctx, c.rpc.CallOptions.RunQuery, func(ctx context.Context) error {
		docs = nil // of a stream that broke off
		stream, err := c.rpc.RunQuery(ctx, &pb.RunQueryRequest{
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

// after returns the place after doc in the query's order.
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

// aggregate returns one figure over the records that the filter selects (nil: all).
func (c *conn) aggregate(ctx context.Context, filter *pb.StructuredQuery_Filter, a *pb.StructuredAggregationQuery_Aggregation) (int64, error) {
	const name = "n"
	a = &pb.StructuredAggregationQuery_Aggregation{Operator: a.Operator, Alias: name}
	req := &pb.RunAggregationQueryRequest{
		Parent: c.root(),
		QueryType: &pb.RunAggregationQueryRequest_StructuredAggregationQuery{
			StructuredAggregationQuery: &pb.StructuredAggregationQuery{
				QueryType: &pb.StructuredAggregationQuery_StructuredQuery{
					StructuredQuery: &pb.StructuredQuery{From: from(c.collection), Where: filter},
				},
				Aggregations: []*pb.StructuredAggregationQuery_Aggregation{a},
			},
		},
	}
	var n *pb.Value
	err := c.stream(ctx, c.rpc.CallOptions.RunAggregationQuery, func(ctx context.Context) error {
		stream, err := c.rpc.RunAggregationQuery(ctx, req)
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

// callLimit is a call's deadline where its context has none. Google's client sets the same, but not for streams.
const callLimit = time.Minute

// stream runs a call whose answer is a stream, again where the stream breaks off with a fault that passes: Google's
// client repeats only the opening.
func (c *conn) stream(ctx context.Context, retry []gax.CallOption, call func(context.Context) error) error {
	ctx = c.routed(ctx)
	opts := append([]gax.CallOption{gax.WithTimeout(callLimit)}, retry...)
	return gax.Invoke(ctx, func(ctx context.Context, _ gax.CallSettings) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return call(ctx)
	}, opts...)
}
