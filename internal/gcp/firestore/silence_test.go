package firestore

import (
	"context"
	"errors"
	"net"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

// double is a Firestore controlled by a test, on connections in memory, so that tests can use fake time.
type double struct {
	listener *gcptest.Pipes

	mu    sync.Mutex
	calls map[string]int
}

// handler handles one call, by its bare name. When it returns, the call is over.
type handler func(method string, stream grpc.ServerStream) error

// newDouble starts a server and returns a store that uses it. It must be called inside a bubble.
func newDouble(t *testing.T, h handler, opts ...grpc.DialOption) (*Store, *double) {
	t.Helper()
	d := &double{listener: gcptest.NewPipes(), calls: map[string]int{}}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64<<20),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			full, _ := grpc.MethodFromServerStream(stream)
			method := path.Base(full)
			d.mu.Lock()
			d.calls[method]++
			d.mu.Unlock()
			return h(method, stream)
		}))
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(d.listener) // until it is stopped
	}()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	return storeAt(t, "double",
		append(opts, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return d.listener.Dial(ctx)
		}))...), d
}

func (d *double) count(method string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[method]
}

// total returns the number of calls.
func (d *double) total() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, calls := range d.calls {
		n += calls
	}
	return n
}

// hang does not answer a call until the caller hangs up.
func hang(_ string, stream grpc.ServerStream) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

// operations are all calls of a store that may hang.
func operations(s *Store) map[string]func(context.Context) error {
	id := page1.ID()
	from := &document.Stored{Record: &document.Record{}, Version: 1}
	return map[string]func(context.Context) error{
		"Get":    func(ctx context.Context) error { _, err := s.Get(ctx, id); return err },
		"Commit": func(ctx context.Context) error { _, err := s.Commit(ctx, id, from, change()); return err },
		"Update": func(ctx context.Context) error {
			_, err := document.Update(ctx, s, id, document.Seen(from), plus)
			return err
		},
		"Pages":      func(ctx context.Context) error { _, err := s.Pages(ctx, id, 1); return err },
		"ClearPages": func(ctx context.Context) error { return s.ClearPages(ctx, id, 1) },
		"Due":        func(ctx context.Context) error { _, err := s.Due(ctx, time.Time{}, time.Now(), 1); return err },
		"Reusable":   func(ctx context.Context) error { _, err := s.Reusable(ctx, "k"); return err },
		"Heads":      func(ctx context.Context) error { _, err := s.Heads(ctx, []string{id}); return err },
		"Tally":      func(ctx context.Context) error { _, err := s.Tally(ctx); return err },
		"List": func(ctx context.Context) error {
			return s.List(ctx, document.Query{}, func(*document.Stored) error { return nil })
		},
		"Watch": func(ctx context.Context) error {
			return s.Watch(ctx, func(string, *document.Record) error { return nil })
		},
	}
}

func change() *document.Change {
	return &document.Change{Record: &document.Record{Status: document.StatusRetrying}}
}

// A Firestore that accepts calls and never answers: every call ends by itself, with the right error, while its caller's
// context goes on.
func TestSilentFirestoreIsUnavailable(t *testing.T) {
	t.Parallel()
	for name := range operations(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, d := newDouble(t, hang)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				begin := time.Now()
				err := operations(s)[name](ctx)
				if !errors.Is(err, document.ErrStoreUnavailable) || errors.Is(err, context.DeadlineExceeded) ||
					errors.Is(err, context.Canceled) {
					t.Errorf("%v, want ErrStoreUnavailable and no error of a context", err)
				}
				if d.total() == 0 {
					t.Error("the server was not called")
				}
				if took := time.Since(begin); name != "Watch" && name != "Update" && took >= document.RenewEvery {
					t.Errorf("it took %v, want less than the time between two renewals of a lease", took)
				}
				if (name == "Commit") != errors.Is(err, document.ErrAnswerLost) {
					t.Errorf("%v: only a commit may have been applied", err)
				}
			})
		})
	}
}

// An answer that begins and then stalls is not an answer.
func TestStalledAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Pages", "ClearPages", "Due", "List"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newDouble(t, func(method string, stream grpc.ServerStream) error {
					if err := stream.SendMsg(&pb.RunQueryResponse{Document: &pb.Document{Name: "d"}}); err != nil {
						return err
					}
					return hang(method, stream)
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				err := operations(s)[name](ctx)
				if !errors.Is(err, document.ErrStoreUnavailable) || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v, want ErrStoreUnavailable", err)
				}
			})
		})
	}
}

// If the caller's context ends, the error is the context's.
func TestCallersEndIsNotFirestores(t *testing.T) {
	t.Parallel()
	for name := range operations(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newDouble(t, hang)
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				err := operations(s)[name](ctx)
				if name == "Watch" {
					if err != nil {
						t.Errorf("%v, want nil", err)
					}
					return
				}
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v, want DeadlineExceeded", err)
				}
			})
		})
	}
}

// A commit that was applied and not answered is recognised, within one Update.
func TestCommitThatTimedOutIsRecognised(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var held *pb.Document // what the first commit left
		s, d := newDouble(t, func(method string, stream grpc.ServerStream) error {
			switch method {
			case "Commit":
				var req pb.CommitRequest
				if err := stream.RecvMsg(&req); err != nil {
					return err
				}
				if held == nil {
					held = req.Writes[0].GetUpdate()
					held.UpdateTime = timestamppb.New(time.Unix(7, 0))
				}
				return hang(method, stream)
			case "BatchGetDocuments":
				return stream.SendMsg(&pb.BatchGetDocumentsResponse{
					Result:   &pb.BatchGetDocumentsResponse_Found{Found: held},
					ReadTime: timestamppb.New(time.Unix(9, 0)),
				})
			}
			return status.Error(codes.Unimplemented, method)
		})
		got, err := document.Update(t.Context(), s, page1.ID(), document.Absent(),
			func(*document.Record) (*document.Change, error) {
				return change(), nil
			})
		if err != nil || got.Version != time.Unix(7, 0).UnixNano() || !got.ReadAt.Equal(time.Unix(9, 0)) {
			t.Errorf("Update = %+v, %v; want the state that the commit left", got, err)
		}
		if n := d.count("Commit"); n != 1 {
			t.Errorf("%d commits, want 1", n)
		}
	})
}

// A read that hangs once is tried again, and a slow list that makes progress does not count as silence.
func TestSlowFirestoreIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		s, _ := newDouble(t, func(method string, stream grpc.ServerStream) error {
			if method == "BatchGetDocuments" {
				if reads++; reads == 1 {
					return hang(method, stream)
				}
				return stream.SendMsg(&pb.BatchGetDocumentsResponse{ReadTime: timestamppb.Now()})
			}
			for range 20 {
				time.Sleep(silenceLimit - time.Second)
				if err := stream.SendMsg(&pb.RunQueryResponse{Document: &pb.Document{Name: "d"}}); err != nil {
					return err
				}
			}
			return nil
		})
		if got, err := s.Get(t.Context(), page1.ID()); got != nil || err != nil || reads != 2 {
			t.Errorf("Get = %v, %v after %d reads; want nothing after 2", got, err, reads)
		}
		if pages, err := s.Pages(t.Context(), page1.ID(), 1); len(pages) != 20 || err != nil {
			t.Errorf("Pages = %d pages, %v; want 20", len(pages), err)
		}
	})
}

// current returns the message that the current state is complete.
func current() *pb.ListenResponse {
	return &pb.ListenResponse{ResponseType: &pb.ListenResponse_TargetChange{
		TargetChange: &pb.TargetChange{TargetChangeType: pb.TargetChange_CURRENT},
	}}
}

// Once the current state is complete, a watch may be silent for as long as nothing changes, and fn may be slow.
func TestWatchOutlivesQuietTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		send := func(stream grpc.ServerStream, name string, version int64) error {
			doc := &pb.Document{Name: "d/" + name, UpdateTime: timestamppb.New(time.Unix(version, 0))}
			return stream.SendMsg(&pb.ListenResponse{ResponseType: &pb.ListenResponse_DocumentChange{
				DocumentChange: &pb.DocumentChange{Document: doc},
			}})
		}
		s, d := newDouble(t, func(method string, stream grpc.ServerStream) error {
			if err := send(stream, "a", 1); err != nil {
				return err
			}
			if err := send(stream, "b", 1); err != nil {
				return err
			}
			if err := stream.SendMsg(current()); err != nil {
				return err
			}
			time.Sleep(2 * time.Hour)
			if err := send(stream, "c", 1); err != nil {
				return err
			}
			return hang(method, stream)
		})
		errSeen := errors.New("seen")
		var told []string
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
		defer cancel()
		err := s.Watch(ctx, func(id string, _ *document.Record) error {
			told = append(told, id)
			time.Sleep(2 * watchLimit)
			if id == "c" {
				return errSeen
			}
			return nil
		})
		if err != errSeen || strings.Join(told, " ") != "a b c" || d.count("Listen") != 1 {
			t.Errorf("Watch = %v after %q in %d streams; want all in one", err, told, d.count("Listen"))
		}
	})
}

// Pings detect the dead connection of a watch, which continues over another one.
func TestWatchLeavesADeadConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d *double
		s, d := newDouble(t, func(method string, stream grpc.ServerStream) error {
			doc := &pb.Document{Name: "d/a", UpdateTime: timestamppb.New(time.Unix(int64(d.count("Listen")), 0))}
			if err := stream.SendMsg(&pb.ListenResponse{ResponseType: &pb.ListenResponse_DocumentChange{
				DocumentChange: &pb.DocumentChange{Document: doc},
			}}); err != nil {
				return err
			}
			if err := stream.SendMsg(current()); err != nil {
				return err
			}
			return hang(method, stream)
		}, pings())
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		told := 0
		err := s.Watch(ctx, func(string, *document.Record) error {
			if told++; told == 2 {
				cancel()
				return nil
			}
			d.listener.Sever()
			return nil
		})
		if err != nil || told != 2 {
			t.Errorf("Watch = %v after %d states; want nil after one on each connection", err, told)
		}
	})
}

// Deleted data counts towards a commit's size: if it is too large, deletes are split into smaller commits.
func TestClearPagesInSmallerCommits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const taken = 40 // deletes that the server takes in one commit
		left := map[string]bool{}
		for i := range 600 {
			left[pageID(5, i+1)] = true
		}
		s, d := newDouble(t, func(method string, stream grpc.ServerStream) error {
			switch method {
			case "RunQuery":
				n := 0
				for name := range left {
					if n++; n > clearBatch {
						break
					}
					if err := stream.SendMsg(&pb.RunQueryResponse{Document: &pb.Document{Name: name}}); err != nil {
						return err
					}
				}
				return nil
			case "BatchGetDocuments":
				return stream.SendMsg(&pb.BatchGetDocumentsResponse{ReadTime: timestamppb.Now()})
			}
			var req pb.CommitRequest
			if err := stream.RecvMsg(&req); err != nil {
				return err
			}
			if len(req.Writes) > taken {
				return status.Error(codes.InvalidArgument, "Transaction too big. Decrease transaction size.")
			}
			for _, w := range req.Writes {
				delete(left, w.GetDelete())
			}
			return stream.SendMsg(&pb.CommitResponse{WriteResults: make([]*pb.WriteResult, 0)})
		})
		if err := s.ClearPages(t.Context(), page1.ID(), 0); err != nil || len(left) != 0 {
			t.Errorf("ClearPages: %v, %d pages left after %d commits", err, len(left), d.count("Commit"))
		}
	})
}

// A commit that is too large for Firestore is refused before it is sent, and does not count as lost.
func TestLargeCommitIsRefusedUnsent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, d := newDouble(t, hang)
		c := change()
		for n := range 12 {
			c.Pages = append(c.Pages, document.Page{Page: n + 1, Text: strings.Repeat("x", document.MaxTextBytes)})
		}
		_, err := s.Commit(t.Context(), page1.ID(), nil, c)
		if !errors.Is(err, document.ErrStoreRejected) || errors.Is(err, document.ErrAnswerLost) ||
			d.count("Commit") != 0 {
			t.Errorf("Commit = %v after %d calls; want ErrStoreRejected after none", err, d.count("Commit"))
		}
	})
}
