package firestore

import (
	"context"
	"errors"
	"io"
	"math"
	"path"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/wait"
)

// Watch calls fn for every existing record and then for each later state, see [document.Watcher]. It listens to the
// whole collection, so it begins with one read per record. A broken stream is resumed where it ended; after several in
// a row without any message, Watch fails.
func (s *Store) Watch(ctx context.Context, fn func(id string, r *document.Record) error) error {
	return s.WatchNewest(ctx, 0, fn)
}

// WatchNewest is like Watch for the n records that were created last (0: all), and begins with one read for each. It
// does not report that a newer record has displaced another one. The query is by created, descending, on the index that
// Firestore keeps for every field.
func (s *Store) WatchNewest(ctx context.Context, n int, fn func(id string, r *document.Record) error) error {
	c, err := s.open(ctx, "watch")
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	w := watch{conn: c, fn: fn, newest: n, told: map[string]int64{}}
	return w.run(ctx)
}

// watch is one call of [Store.Watch].
type watch struct {
	conn    *conn
	fn      func(string, *document.Record) error
	newest  int              // how many records; 0: all
	told    map[string]int64 // the version of each record that fn has seen: a resumed stream repeats some
	resume  []byte           // token to resume with
	fresh   bool             // the stream has had a message
	current bool             // the stream has sent the current state of all records
}

// target is the number, freely chosen, of the only target in a stream.
const target = 1

// maxStreams is how many consecutive streams may break off without an answer.
const maxStreams = 8

// stopped wraps an error of fn, as opposed to the store's.
type stopped struct{ error }

func (w *watch) run(ctx context.Context) error {
	backoff := gax.Backoff{Initial: 200 * time.Millisecond, Max: 10 * time.Second, Multiplier: 2}
	waits := backoff
	for broken := 0; ; {
		w.fresh = false
		err := w.listen(ctx)
		if own, ok := errors.AsType[stopped](err); ok {
			return own.error
		}
		if ctx.Err() != nil {
			return nil
		}
		if broken++; w.fresh {
			broken, waits = 0, backoff
		}
		if !passing(err) || broken == maxStreams {
			return queryError(ctx, "watch", err)
		}
		if wait.Sleep(ctx, waits.Pause()) != nil {
			return nil
		}
	}
}

// watchLimit is how long a stream may be silent until it has sent the current state. Firestore confirms a target at
// once, but may then take a while to find its documents.
const watchLimit = 30 * time.Second

// listen listens until the stream breaks. Once the current state has been sent, silence means that nothing changes;
// pings detect a dead connection.
func (w *watch) listen(ctx context.Context) error {
	ctx, s := untilSilent(w.conn.routed(ctx), watchLimit)
	defer s.end()
	stream, err := w.conn.rpc.Listen(ctx)
	if err != nil {
		return s.explain(err)
	}
	if err := stream.Send(w.request()); err != nil && err != io.EOF { // EOF: Recv knows why the stream ended
		return s.explain(err)
	}
	for w.current = false; ; {
		answer, err := stream.Recv()
		if err != nil {
			return s.explain(err)
		}
		s.rest() // fn may take its time
		w.fresh = true
		if err := w.handle(answer); err != nil {
			return err
		}
		if !w.current {
			s.listen()
		}
	}
}

func (w *watch) request() *pb.ListenRequest {
	wanted := &pb.StructuredQuery{From: from(w.conn.collection)}
	if w.newest > 0 {
		wanted.OrderBy = []*pb.StructuredQuery_Order{{Field: field("created"),
			Direction: pb.StructuredQuery_DESCENDING}}
		wanted.Limit = wrapperspb.Int32(int32(min(w.newest, math.MaxInt32)))
	}
	query := &pb.Target_QueryTarget{
		Parent:    w.conn.root(),
		QueryType: &pb.Target_QueryTarget_StructuredQuery{StructuredQuery: wanted},
	}
	t := &pb.Target{TargetType: &pb.Target_Query{Query: query}, TargetId: target}
	if w.resume != nil {
		t.ResumeType = &pb.Target_ResumeToken{ResumeToken: w.resume}
	}
	return &pb.ListenRequest{Database: w.conn.database, TargetChange: &pb.ListenRequest_AddTarget{AddTarget: t}}
}

// handle processes one answer. A record that leaves the results is only forgotten: this project never deletes one, and
// the callers of WatchNewest know which ones newer records displace.
func (w *watch) handle(answer *pb.ListenResponse) error {
	switch a := answer.GetResponseType().(type) {
	case *pb.ListenResponse_TargetChange:
		return w.handleTarget(a.TargetChange)
	case *pb.ListenResponse_DocumentChange:
		if len(a.DocumentChange.RemovedTargetIds) == 0 {
			return w.handleDocument(a.DocumentChange.GetDocument())
		}
		delete(w.told, path.Base(a.DocumentChange.GetDocument().GetName()))
	case *pb.ListenResponse_DocumentRemove:
		delete(w.told, path.Base(a.DocumentRemove.GetDocument()))
	case *pb.ListenResponse_DocumentDelete:
		delete(w.told, path.Base(a.DocumentDelete.GetDocument()))
	}
	return nil
}

func (w *watch) handleDocument(doc *pb.Document) error {
	if doc == nil {
		return nil
	}
	id, version := path.Base(doc.Name), doc.UpdateTime.AsTime().UnixNano()
	if w.told[id] >= version {
		return nil
	}
	w.told[id] = version
	if err := w.fn(id, readRecord(doc.Fields)); err != nil {
		return stopped{err}
	}
	return nil
}

func (w *watch) handleTarget(change *pb.TargetChange) error {
	if change.TargetChangeType == pb.TargetChange_CURRENT {
		w.current = true
	}
	switch {
	case change.TargetChangeType == pb.TargetChange_REMOVE && change.GetCause().GetCode() != 0:
		return status.Error(codes.Code(change.Cause.Code), change.Cause.Message)
	case change.TargetChangeType == pb.TargetChange_REMOVE:
		return status.Error(codes.Internal, "the server ended the stream without a cause")
	case change.TargetChangeType == pb.TargetChange_RESET: // everything is sent again
		w.resume, w.current = nil, false
	case len(change.ResumeToken) > 0:
		w.resume = change.ResumeToken
	}
	return nil
}

// passing reports whether a new stream may succeed.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.PermissionDenied, codes.NotFound, codes.InvalidArgument, codes.FailedPrecondition, codes.Unimplemented:
		return false
	}
	return true
}
