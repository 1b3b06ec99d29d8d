package firestore

import (
	"context"
	"slices"
	"testing"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Handling of messages: a repeated state is passed on once, unless its record had left the results in between, and the
// next stream resumes after it.
func TestWatchPassesEachStateOnce(t *testing.T) {
	t.Parallel()
	var told []string
	w := watch{conn: &conn{database: "d", collection: "c"}, told: map[string]int64{}}
	w.fn = func(id string, r *document.Record) error {
		told = append(told, id+" "+r.Name)
		return nil
	}
	document := func(id, name string, version int64) *pb.ListenResponse {
		doc := &pb.Document{
			Name: "d/documents/c/" + id, Fields: fields{"name": textValue(name)},
			UpdateTime: timestamppb.New(time.Unix(0, version)),
		}
		return &pb.ListenResponse{ResponseType: &pb.ListenResponse_DocumentChange{
			DocumentChange: &pb.DocumentChange{Document: doc},
		}}
	}
	left := func(id, name string, version int64) *pb.ListenResponse {
		answer := document(id, name, version)
		answer.GetDocumentChange().RemovedTargetIds = []int32{target}
		return answer
	}
	change := func(kind pb.TargetChange_TargetChangeType, token string) *pb.ListenResponse {
		return &pb.ListenResponse{ResponseType: &pb.ListenResponse_TargetChange{
			TargetChange: &pb.TargetChange{TargetChangeType: kind, ResumeToken: []byte(token)},
		}}
	}
	resume := func() string { return string(w.request().GetAddTarget().GetResumeToken()) }
	deleted := func(id string) *pb.ListenResponse {
		return &pb.ListenResponse{ResponseType: &pb.ListenResponse_DocumentDelete{
			DocumentDelete: &pb.DocumentDelete{Document: "d/documents/c/" + id},
		}}
	}
	removed := func(id string) *pb.ListenResponse {
		return &pb.ListenResponse{ResponseType: &pb.ListenResponse_DocumentRemove{
			DocumentRemove: &pb.DocumentRemove{Document: "d/documents/c/" + id},
		}}
	}
	for i, step := range []struct {
		answer *pb.ListenResponse
		resume string
	}{
		{change(pb.TargetChange_ADD, ""), ""}, {document("a", "one", 1), ""}, {document("b", "one", 1), ""},
		{change(pb.TargetChange_CURRENT, "t1"), "t1"}, {document("a", "one", 1), "t1"}, {document("a", "two", 2), "t1"},
		{deleted("c"), "t1"}, {change(pb.TargetChange_NO_CHANGE, "t2"), "t2"},
		{change(pb.TargetChange_NO_CHANGE, ""), "t2"},
		{change(pb.TargetChange_RESET, "t3"), ""}, {document("a", "two", 2), ""}, {document("b", "three", 3), ""},
		{removed("a"), ""}, {document("b", "three", 3), ""}, {document("a", "two", 2), ""},
		{deleted("b"), ""}, {document("a", "two", 2), ""}, {document("b", "three", 3), ""},
		{left("b", "four", 4), ""}, {document("b", "three", 3), ""},
	} {
		if err := w.handle(step.answer); err != nil || resume() != step.resume {
			t.Errorf("step %d: resumes at %q, %v; want %q", i, resume(), err, step.resume)
		}
	}
	want := []string{"a one", "b one", "a two", "b three", "a two", "b three", "b three"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if err := w.handle(change(pb.TargetChange_REMOVE, "")); err == nil {
		t.Error("a target that was removed is not an error")
	}
}

func TestWatchReturnsNilOnAnEndedContext(t *testing.T) {
	t.Parallel()
	r := storeAt(t, "127.0.0.1:1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Watch(ctx, nil); err != nil {
		t.Errorf("Watch = %v, want nil", err)
	}
}
