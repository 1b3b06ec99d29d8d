package firestore

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// query reads the documents below parent that q selects, and returns them with the time at which they were read.
func (c *conn) query(ctx context.Context, parent string, q *pb.StructuredQuery) (docs []*pb.Document,
	at *timestamppb.Timestamp, err error) {
	err = c.stream(ctx, c.rpc.CallOptions.RunQuery, func(ctx context.Context, heard func()) error {
		docs = nil // from a stream that broke off
		stream, err := c.rpc.RunQuery(ctx, &pb.RunQueryRequest{
			Parent: parent, QueryType: &pb.RunQueryRequest_StructuredQuery{StructuredQuery: q},
		})
		if err != nil {
			return err
		}
		return receive(stream.Recv, func(answer *pb.RunQueryResponse) {
			heard()
			if answer.ReadTime != nil {
				at = answer.ReadTime // the latest applies to the earlier ones, too
			}
			if answer.GetDocument() != nil {
				docs = append(docs, answer.GetDocument())
			}
		})
	})
	return docs, at, err
}

// receive passes the answers of a stream to take until its end.
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

// and joins filters; it returns nil for none.
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

// after returns a cursor to the position after doc in the query's order.
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

// aggregate returns one figure for the records that the filter selects (nil: all).
func (c *conn) aggregate(ctx context.Context, filter *pb.StructuredQuery_Filter,
	a *pb.StructuredAggregationQuery_Aggregation) (int64, error) {
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
	err := c.stream(ctx, c.rpc.CallOptions.RunAggregationQuery, func(ctx context.Context, heard func()) error {
		stream, err := c.rpc.RunAggregationQuery(ctx, req)
		if err != nil {
			return err
		}
		return receive(stream.Recv, func(answer *pb.RunAggregationQueryResponse) {
			heard()
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

const (
	// silenceLimit is how long a try waits for the next message. Firestore answers within a second; after a connection
	// has died, or if the metadata server provides no token, no answer ever arrives.
	silenceLimit = 10 * time.Second
	// repeatLimit is how long after the start of a call another try may begin. Together with silenceLimit it is less
	// than the time between two renewals of a lease, [document.RenewEvery].
	repeatLimit = 15 * time.Second
)

// stream makes a call whose answer is a stream, and repeats it if the stream breaks off with a transient error:
// Google's client repeats only the opening. The call must report each message by calling heard.
func (c *conn) stream(ctx context.Context, retry []gax.CallOption,
	call func(ctx context.Context, heard func()) error) error {
	return gax.Invoke(c.routed(ctx), func(ctx context.Context, _ gax.CallSettings) error {
		ctx, s := untilSilent(ctx, silenceLimit)
		defer s.end()
		return s.explain(call(ctx, s.listen))
	}, whileFresh(retry, time.Now().Add(repeatLimit)))
}

// silence ends a context when no message arrives within its limit while the caller listens.
type silence struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelFunc
	over   atomic.Bool
}

// untilSilent returns a context that silence ends. Its timer is running.
func untilSilent(ctx context.Context, limit time.Duration) (context.Context, *silence) {
	ctx, cancel := context.WithCancel(ctx)
	s := &silence{limit: limit, cancel: cancel}
	s.timer = time.AfterFunc(limit, func() {
		s.over.Store(true)
		cancel()
	})
	return ctx, s
}

func (s *silence) listen() { s.timer.Reset(s.limit) } // restarts the limit
func (s *silence) rest()   { s.timer.Stop() }         // suspends the limit

// end releases the context; it must be called when the call is over.
func (s *silence) end() {
	s.timer.Stop()
	s.cancel()
}

// explain returns the true error of a call that silence ended: gRPC reports a cancellation.
func (s *silence) explain(err error) error {
	if err != nil && s.over.Load() {
		return status.Errorf(codes.Unavailable, "no answer within %v", s.limit)
	}
	return err
}

// whileFresh returns an option that repeats a call as retry does, but only until end.
func whileFresh(retry []gax.CallOption, end time.Time) gax.CallOption {
	var s gax.CallSettings
	for _, o := range retry {
		o.Resolve(&s)
	}
	return gax.WithRetry(func() gax.Retryer { return fresh{s.Retry(), end} })
}

type fresh struct {
	gax.Retryer
	end time.Time
}

func (f fresh) Retry(err error) (time.Duration, bool) {
	pause, again := f.Retryer.Retry(err)
	return pause, again && time.Now().Add(pause).Before(f.end)
}
