//go:build integration

package firestore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

// emulated returns a store on an empty project of the emulator.
func emulated(t testing.TB, opts ...grpc.DialOption) *Store {
	t.Helper()
	return storeAt(t, gcptest.Firestore(t), opts...)
}

// proxied returns a store that reaches the emulator through a proxy.
func proxied(t testing.TB) (*Store, *gcptest.Proxy) {
	t.Helper()
	p := gcptest.NewProxy(t, gcptest.Firestore(t))
	return storeAt(t, p.Host()), p
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	documenttest.Records(t, func(t *testing.T) document.Store { return emulated(t) })
}

// mustUpdate calls Update and fails the test on an error.
func mustUpdate(t testing.TB, r *Store, expected document.Expected, fn document.UpdateFunc) *document.Stored {
	t.Helper()
	got, err := document.Update(t.Context(), r, page1.ID(), expected, fn)
	if err != nil || got == nil {
		t.Fatalf("Update = %v, %v", got, err)
	}
	return got
}

// calls records the calls that reach the network.
type calls struct {
	mu   sync.Mutex
	seen []string
}

func (c *calls) note(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, method[len("/google.firestore.v1.Firestore/"):])
}

// take returns the calls since the last time.
func (c *calls) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seen
	c.seen = nil
	return seen
}

func (c *calls) options() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn,
			invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			c.note(method)
			return invoke(ctx, method, req, reply, conn, opts...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn,
			method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			c.note(method)
			return stream(ctx, desc, conn, method, opts...)
		}),
	}
}

// The cost of each path. A clean run of one page is one read and two writes.
func TestCallsOfEachOperation(t *testing.T) {
	t.Parallel()
	var c calls
	r := emulated(t, c.options()...)
	if got := c.take(); len(got) != 0 {
		t.Errorf("making the store called %v", got)
	}
	expect := func(what string, want ...string) {
		t.Helper()
		if got := c.take(); !slices.Equal(got, want) {
			t.Errorf("%s called %v, want %v", what, got, want)
		}
	}
	claimed := mustUpdate(t, r, document.Unread(), claim)
	expect("a claim", "BatchGetDocuments", "Commit")
	done := mustUpdate(t, r, document.Seen(claimed), complete)
	expect("complete", "Commit")
	again := mustUpdate(t, r, document.Seen(done), plus)
	expect("a right expectation with a page", "Commit")
	mustUpdate(t, r, document.Seen(done), plus)
	expect("a wrong expectation", "Commit", "BatchGetDocuments", "Commit")
	if _, err := document.Update(t.Context(), r, page1.ID(), document.Unread(), claim); err != errTaken {
		t.Errorf("a claim of a taken record: %v", err)
	}
	expect("a refusal", "BatchGetDocuments")
	if _, err := document.Update(t.Context(), r, page1.ID(), document.Seen(again), complete); err != errTaken {
		t.Errorf("complete without a lease: %v", err)
	}
	expect("a refusal on a belief", "BatchGetDocuments")
	if _, err := r.Due(t.Context(), time.Time{}, time.Now(), 5); err != nil {
		t.Error(err)
	}
	expect("due", "RunQuery")
	if err := r.ClearPages(t.Context(), page1.ID(), page1.Generation); err != nil {
		t.Error(err)
	}
	expect("clearing nothing", "RunQuery")
}

// The times returned are the server's own, as stored, and Version is the update time.
func TestUpdateReturnsWhatTheServerSet(t *testing.T) {
	t.Parallel()
	r := emulated(t)
	before := mustUpdate(t, r, document.Unread(), claim)
	got := mustUpdate(t, r, document.Seen(before), complete)
	read, err := r.Get(t.Context(), page1.ID())
	if err != nil {
		t.Fatal(err)
	}
	if got.Version != read.Version || !got.Updated.Equal(read.Updated) || !got.Finished.Equal(read.Finished) ||
		!got.Created.Equal(before.Created) || got.Write != read.Write {
		t.Errorf("Update = %+v at %d\nGet = %+v at %d", got.Record, got.Version, read.Record, read.Version)
	}
	if got.Write == before.Write || got.Version == before.Version {
		t.Errorf("two states share write %q or version %d", got.Write, got.Version)
	}
}

func TestDatabasesAndCollectionsAreApart(t *testing.T) {
	t.Parallel()
	host, project := gcptest.Firestore(t), gcptest.Project(t)
	open := func(database, collection string) *Store {
		r := New(Config{Emulator: host, Project: project, Database: database, Collection: collection})
		t.Cleanup(func() { r.Close() })
		return r
	}
	mustUpdate(t, open("", "ocr_documents"), document.Unread(), claim)
	for _, other := range []*Store{open("second", "ocr_documents"), open("", "others")} {
		if got, err := other.Get(t.Context(), page1.ID()); got != nil || err != nil {
			t.Errorf("Get elsewhere = %v, %v; want nothing", got, err)
		}
	}
	if got, err := open("(default)", "ocr_documents").Get(t.Context(), page1.ID()); got == nil || err != nil {
		t.Errorf("Get in the default database by its name = %v, %v", got, err)
	}
}

func TestProjectFromMetadataServer(t *testing.T) {
	t.Parallel()
	r := New(Config{Emulator: gcptest.Firestore(t), Collection: "ocr_documents"})
	t.Cleanup(func() { r.Close() })
	if _, err := r.Get(t.Context(), page1.ID()); err != nil {
		t.Fatal(err)
	}
	if s, ok := r.conn.Peek(); !ok || s.database != "projects/test-project/databases/(default)" {
		t.Errorf("the database is %v", s.database)
	}
}

func TestEmulatorByHostOrURL(t *testing.T) {
	t.Parallel()
	host := gcptest.Firestore(t)
	for _, address := range []string{host, "http://" + host} {
		r := New(Config{Emulator: address, Project: gcptest.Project(t), Collection: "ocr_documents"})
		defer r.Close()
		if _, err := r.Get(t.Context(), page1.ID()); err != nil {
			t.Errorf("emulator %s: %v", address, err)
		}
	}
}

// TestAllPagesDropInOneCommit: the pages of the longest object that the default limits let through go in one commit.
func TestAllPagesDropInOneCommit(t *testing.T) {
	t.Parallel()
	r := emulated(t)
	stored := mustUpdate(t, r, document.Unread(), claim)
	const batches, size = 4, 500
	var all []int
	for b := range batches {
		var pages []document.Page
		for i := range size {
			pages = append(pages, document.Page{Page: b*size + i + 1, Generation: page1.Generation})
			all = append(all, b*size+i+1)
		}
		stored = mustUpdate(t, r, document.Seen(stored), func(old *document.Record) (*document.Change, error) {
			return &document.Change{Record: old, Pages: pages}, nil
		})
	}
	mustUpdate(t, r, document.Seen(stored), func(old *document.Record) (*document.Change, error) {
		return &document.Change{Record: old, Drop: all}, nil
	})
	if left, err := r.Pages(t.Context(), page1.ID(), page1.Generation); err != nil || len(left) > 0 {
		t.Errorf("%d pages left, %v", len(left), err)
	}
}

// A claim and the write that completes it, the cost of a clean page.
func BenchmarkClaimAndComplete(b *testing.B) {
	r := emulated(b)
	for n := 0; b.Loop(); n++ {
		id := strconv.Itoa(n)
		claimed, err := document.Update(b.Context(), r, id, document.Unread(), claim)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := document.Update(b.Context(), r, id, document.Seen(claimed), complete); err != nil {
			b.Fatal(err)
		}
	}
}

func claim(old *document.Record) (*document.Change, error) {
	if old != nil {
		return nil, errTaken
	}
	return &document.Change{
		Record: &document.Record{
			Bucket: page1.Bucket, Name: page1.Name, Generation: page1.Generation, Status: document.StatusProcessing,
			Attempt: 1, Lease: &document.Lease{ID: "lease-1", Expires: time.Now().Add(time.Minute)},
		},
		Stamps: document.StampCreated | document.StampStarted,
	}, nil
}

var errTaken = errors.New("the record is taken")

func complete(old *document.Record) (*document.Change, error) {
	if old == nil || old.Lease == nil || old.Lease.ID != "lease-1" {
		return nil, errTaken
	}
	next := *old
	next.Status, next.Text, next.Lease = document.StatusDone, "# Page 1", nil
	return &document.Change{Record: &next, Stamps: document.StampFinished}, nil
}
