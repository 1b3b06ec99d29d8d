package gcp

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bucketocr/bucketocr/internal/document"
)

// watched starts Watch and passes on the faults it sees; ended says how it ended.
func watched(t *testing.T, ctx context.Context, r *Records) (faults <-chan int, ended <-chan error) {
	t.Helper()
	seen, end := make(chan int), make(chan error, 1)
	go func() {
		end <- r.Watch(ctx, func(_ string, rec *document.Record) error {
			select {
			case seen <- rec.Faults:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	return seen, end
}

// await reads until n comes, each number once and none going back.
func await(t *testing.T, faults <-chan int, ended <-chan error, last *int, n int) {
	t.Helper()
	for *last < n {
		select {
		case got := <-faults:
			if got <= *last {
				t.Errorf("state %d came after %d", got, *last)
			}
			*last = got
		case err := <-ended:
			t.Fatalf("Watch ended with %v before state %d came", err, n)
		}
	}
}

func TestWatchGoesOnWhereAStreamBroke(t *testing.T) {
	t.Parallel()
	r, p := proxied(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stored := mustUpdate(t, r, document.Unread(), claim)
	p.Refuse("Listen", 1, codes.Unavailable)
	faults, ended := watched(t, ctx, r)
	last := -1
	await(t, faults, ended, &last, 0)
	for n := range 3 {
		p.Break()
		stored = mustUpdate(t, r, document.Unread(), plus)
		await(t, faults, ended, &last, n+1)
	}
	if got := p.Calls("Listen"); got < 4 {
		t.Errorf("%d streams, want at least 4: the proxy broke three", got)
	}
	mustUpdate(t, r, document.Seen(stored), plus)
	await(t, faults, ended, &last, 4)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Watch = %v, want nil", err)
	}
}

// What a stream says, without one: a state told twice is passed on once, and the next stream goes on behind it.
func TestWatchHandles(t *testing.T) {
	var told []string
	w := watch{store: &store{database: "d", collection: "c"}, told: map[string]int64{}}
	w.fn = func(id string, r *document.Record) error {
		told = append(told, id+" "+r.Name)
		return nil
	}
	document := func(id, name string, version int64) *pb.ListenResponse {
		doc := &pb.Document{
			Name: "d/documents/c/" + id, Fields: fields{"name": text(name)}, UpdateTime: timestamppb.New(time.Unix(0, version)),
		}
		return &pb.ListenResponse{ResponseType: &pb.ListenResponse_DocumentChange{
			DocumentChange: &pb.DocumentChange{Document: doc},
		}}
	}
	change := func(kind pb.TargetChange_TargetChangeType, token string) *pb.ListenResponse {
		return &pb.ListenResponse{ResponseType: &pb.ListenResponse_TargetChange{
			TargetChange: &pb.TargetChange{TargetChangeType: kind, ResumeToken: []byte(token)},
		}}
	}
	resume := func() string { return string(w.request().GetAddTarget().GetResumeToken()) }
	deleted := &pb.ListenResponse{ResponseType: &pb.ListenResponse_DocumentDelete{DocumentDelete: &pb.DocumentDelete{}}}
	for i, step := range []struct {
		answer *pb.ListenResponse
		resume string
	}{
		{change(pb.TargetChange_ADD, ""), ""}, {document("a", "one", 1), ""}, {document("b", "one", 1), ""},
		{change(pb.TargetChange_CURRENT, "t1"), "t1"}, {document("a", "one", 1), "t1"}, {document("a", "two", 2), "t1"},
		{deleted, "t1"}, {change(pb.TargetChange_NO_CHANGE, "t2"), "t2"}, {change(pb.TargetChange_NO_CHANGE, ""), "t2"},
		{change(pb.TargetChange_RESET, "t3"), ""}, {document("a", "two", 2), ""}, {document("b", "three", 3), ""},
	} {
		if err := w.handle(step.answer); err != nil || resume() != step.resume {
			t.Errorf("step %d: resumes at %q, %v; want %q", i, resume(), err, step.resume)
		}
	}
	if want := []string{"a one", "b one", "a two", "b three"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if err := w.handle(change(pb.TargetChange_REMOVE, "")); err == nil {
		t.Error("a target that was removed is no error")
	}
}

func TestWatchFails(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]error{
		codes.PermissionDenied: document.ErrStoreMisconfigured,
		codes.NotFound:         document.ErrStoreMisconfigured,
	} {
		r, p := proxied(t)
		p.Refuse("Listen", 1, code)
		err := r.Watch(t.Context(), func(string, *document.Record) error { return nil })
		if !errors.Is(err, want) {
			t.Errorf("Watch = %v, want %v", err, want)
		}
	}
}

func TestWatchOnAnEndedContext(t *testing.T) {
	t.Parallel()
	r := recordsAt(t, "127.0.0.1:1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Watch(ctx, nil); err != nil {
		t.Errorf("Watch = %v, want nil", err)
	}
}
