package firestore

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp"
)

// Config locates the records.
type Config struct {
	Project    string // empty: the metadata server is asked
	Database   string // empty: (default)
	Collection string // id of a top-level collection
	// Emulator is the address of a Firestore emulator, host:port or a URL, reached without TLS and with all rights.
	// Empty: Firestore itself.
	Emulator string
}

// Store implements [document.Store], [document.Watcher] and [document.Lister] on Firestore. Its account needs the role
// datastore.user.
//
// No other program should write to the collection: a record's document is always replaced whole, so fields that another
// program added are lost. Pages are in the sub-collection ocr_pages of their document.
//
// A try of a call ends when Firestore is silent for [silenceLimit]. Reads are tried again for [repeatLimit] while
// Firestore is busy or does not answer; a commit that takes longer than [commitLimit] may have been applied, so
// [document.Update] reads before it tries again. A call that these limits end returns [document.ErrStoreUnavailable]; a
// context's error means that the caller's own context has ended.
type Store struct {
	conn gcp.Lazy[*conn]
}

var (
	_ document.Store   = (*Store)(nil)
	_ document.Watcher = (*Store)(nil)
)

// New returns the driver. It does not touch the network.
func New(c Config) *Store {
	if c.Database == "" {
		c.Database = "(default)"
	}
	return newStore(func(ctx context.Context) (*conn, error) { return dial(ctx, c) })
}

func newStore(dial func(context.Context) (*conn, error)) *Store {
	return &Store{conn: gcp.Lazy[*conn]{Make: dial}}
}

// Close closes the connections, if any. No call may follow it.
func (s *Store) Close() error {
	if c, ok := s.conn.Peek(); ok {
		return c.rpc.Close()
	}
	return nil
}

// Get reads one record; nil if there is none. It costs one document read.
func (s *Store) Get(ctx context.Context, id string) (*document.Stored, error) {
	c, err := s.open(ctx, "get")
	if err != nil {
		return nil, err
	}
	return c.get(ctx, id)
}

// Commit is conditional on the document's update time, or on its absence. It costs one document write for the record
// and one per page of the change; a refused commit costs nothing.
func (s *Store) Commit(ctx context.Context, id string, from *document.Stored,
	change *document.Change) (*document.Stored, error) {
	c, err := s.open(ctx, "commit")
	if err != nil {
		return nil, err
	}
	stored, err := c.commit(ctx, id, from, change)
	if err != nil {
		return nil, commitError(ctx, err)
	}
	return stored, nil
}

// get reads a record. It uses the call for several documents because that distinguishes a missing document, an answer,
// from a missing database, an error.
func (c *conn) get(ctx context.Context, id string) (*document.Stored, error) {
	var answer *pb.BatchGetDocumentsResponse
	err := c.stream(ctx, c.rpc.CallOptions.BatchGetDocuments, func(ctx context.Context, _ func()) error {
		stream, err := c.rpc.BatchGetDocuments(ctx, &pb.BatchGetDocumentsRequest{
			Database: c.database, Documents: []string{c.recordName(id)},
		})
		if err != nil {
			return err
		}
		if answer, err = stream.Recv(); err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	if err != nil {
		return nil, queryError(ctx, "get", err)
	}
	return stored(answer.GetFound(), answer.ReadTime), nil
}

// commit replaces the record, and writes and removes pages, all or nothing, if the record is unchanged since from (nil:
// if there is none). It returns the record decoded from what it wrote, so the same as Get would read.
func (c *conn) commit(ctx context.Context, id string, from *document.Stored, change *document.Change) (*document.Stored,
	error) {
	record := c.recordWrite(id, from, change)
	writes := []*pb.Write{record}
	for _, p := range change.Pages {
		writes = append(writes, c.pageWrite(id, p))
	}
	for _, n := range change.Drop {
		name := c.pageName(id, pageID(change.Record.Generation, n))
		writes = append(writes, &pb.Write{Operation: &pb.Write_Delete{Delete: name}})
	}
	answer, err := c.write(ctx, writes)
	if err != nil {
		return nil, err
	}
	if len(answer.WriteResults) != len(writes) {
		return nil, fmt.Errorf("commit returned %d results for %d writes", len(answer.WriteResults), len(writes))
	}
	return applied(record, answer), nil
}

const (
	// commitLimit is how long a commit may take, including repetitions by Google's client. A commit takes a tenth of a
	// second, one of several MiB a few seconds; with the read that follows a lost answer it is over before a lease
	// ends.
	commitLimit = 15 * time.Second
	// maxCommit is the largest commit in bytes, as sent. Firestore accepts 10 MiB, but counts more than the bytes sent.
	maxCommit = 9 << 20
	// fewWrites is how many documents are never more than that: one has 1 MiB at most.
	fewWrites = 8
)

// write makes one commit. That of a page is not measured before it is encoded: either takes as long.
func (c *conn) write(ctx context.Context, writes []*pb.Write) (*pb.CommitResponse, error) {
	req := &pb.CommitRequest{Database: c.database, Writes: writes}
	if len(writes) > fewWrites {
		if n := proto.Size(req); n > maxCommit {
			return nil, status.Errorf(codes.InvalidArgument,
				"a commit of %d bytes in %d writes is over the limit of %d bytes", n, len(writes), maxCommit)
		}
	}
	ctx, cancel := context.WithTimeout(c.routed(ctx), commitLimit)
	defer cancel()
	return c.rpc.Commit(ctx, req)
}

// recordWrite returns a write that replaces the whole document.
func (c *conn) recordWrite(id string, from *document.Stored, change *document.Change) *pb.Write {
	f := recordFields(change.Record)
	f["write"] = textValue(change.Record.Write)
	stamps := []string{"updated"}
	for _, stamp := range []struct {
		bit   document.Stamps
		field string
	}{
		{document.StampCreated, "created"}, {document.StampStarted, "started"}, {document.StampFinished, "finished"},
	} {
		if change.Stamps&stamp.bit != 0 {
			stamps = append(stamps, stamp.field)
		}
	}
	return replace(c.recordName(id), f, precondition(from), stamps...)
}

// pageWrite returns a page's write. It needs no condition: it is applied together with the record's or not at all.
func (c *conn) pageWrite(id string, p document.Page) *pb.Write {
	return replace(c.pageName(id, pageID(p.Generation, p.Page)), pageFields(p), nil, "finished")
}

// replace returns a write of a whole document, with the server's time in the fields named by stamps.
func replace(name string, f fields, condition *pb.Precondition, stamps ...string) *pb.Write {
	w := &pb.Write{
		Operation:       &pb.Write_Update{Update: &pb.Document{Name: name, Fields: f}},
		CurrentDocument: condition,
	}
	for _, field := range stamps {
		delete(f, field)
		w.UpdateTransforms = append(w.UpdateTransforms, &pb.DocumentTransform_FieldTransform{
			FieldPath: field,
			TransformType: &pb.DocumentTransform_FieldTransform_SetToServerValue{
				SetToServerValue: pb.DocumentTransform_FieldTransform_REQUEST_TIME,
			},
		})
	}
	return w
}

// precondition returns the condition that the document is still the one read, or still missing.
func precondition(from *document.Stored) *pb.Precondition {
	if from == nil {
		return &pb.Precondition{ConditionType: &pb.Precondition_Exists{Exists: false}}
	}
	at := timestamppb.New(time.Unix(0, from.Version))
	return &pb.Precondition{ConditionType: &pb.Precondition_UpdateTime{UpdateTime: at}}
}

// applied returns the record after a write: its fields, and the times that the server set.
func applied(w *pb.Write, answer *pb.CommitResponse) *document.Stored {
	f, result := fields(w.GetUpdate().Fields), answer.WriteResults[0]
	for i, transform := range w.UpdateTransforms {
		if i < len(result.TransformResults) {
			f[transform.FieldPath] = result.TransformResults[i]
		}
	}
	return &document.Stored{Record: readRecord(f), Version: result.UpdateTime.AsTime().UnixNano(),
		ReadAt: answer.CommitTime.AsTime()}
}

// Due lists at most limit records whose Due is neither before since nor after now, the longest overdue first. The query
// is
//
//	due >= since, due <= now, ordered by due
//
// on the index that Firestore keeps for every field, which omits records without due. It costs one read per record
// listed.
func (s *Store) Due(ctx context.Context, since, now time.Time, limit int) ([]*document.Stored, error) {
	c, err := s.open(ctx, "due")
	if err != nil {
		return nil, err
	}
	span := []*pb.StructuredQuery_Filter{
		where("due", pb.StructuredQuery_FieldFilter_LESS_THAN_OR_EQUAL, momentValue(now))}
	if !since.IsZero() {
		span = append(span, where("due", pb.StructuredQuery_FieldFilter_GREATER_THAN_OR_EQUAL, momentValue(since)))
	}
	docs, at, err := c.query(ctx, c.root(), &pb.StructuredQuery{
		From:    from(c.collection),
		Where:   and(span),
		OrderBy: []*pb.StructuredQuery_Order{{Field: field("due"), Direction: pb.StructuredQuery_ASCENDING}},
		Limit:   wrapperspb.Int32(int32(min(limit, math.MaxInt32))),
	})
	if err != nil {
		return nil, queryError(ctx, "due", err)
	}
	var due []*document.Stored
	for _, doc := range docs {
		due = append(due, stored(doc, at))
	}
	return due, nil
}

// Reusable returns a record with that key. The query is
//
//	reuseKey == key
//
// on the index that Firestore keeps for every field, which omits records without a key. It costs one read, even if
// there is no such record.
func (s *Store) Reusable(ctx context.Context, key string) (*document.Stored, error) {
	c, err := s.open(ctx, "reusable")
	if err != nil {
		return nil, err
	}
	docs, at, err := c.query(ctx, c.root(), &pb.StructuredQuery{
		From:  from(c.collection),
		Where: where("reuseKey", pb.StructuredQuery_FieldFilter_EQUAL, textValue(key)),
		Limit: wrapperspb.Int32(1),
	})
	if err != nil {
		return nil, queryError(ctx, "reusable", err)
	}
	if len(docs) == 0 {
		return nil, nil
	}
	return stored(docs[0], at), nil
}

// Pages reads the pages of one generation, in order. The query is
//
//	generation == generation
//
// and sorting is done here, so the index that Firestore keeps for every field is enough. It costs one read per page.
func (s *Store) Pages(ctx context.Context, id string, generation int64) ([]document.Page, error) {
	c, err := s.open(ctx, "pages")
	if err != nil {
		return nil, err
	}
	docs, _, err := c.query(ctx, c.recordName(id), &pb.StructuredQuery{
		From:  from(pagesCollection),
		Where: where("generation", pb.StructuredQuery_FieldFilter_EQUAL, numberValue(generation)),
	})
	if err != nil {
		return nil, queryError(ctx, "pages", err)
	}
	var pages []document.Page
	for _, doc := range docs {
		pages = append(pages, readPage(doc.Fields))
	}
	slices.SortFunc(pages, func(a, b document.Page) int { return cmp.Compare(a.Page, b.Page) })
	return pages, nil
}

// clearBatch is how many pages are removed in one commit.
const clearBatch = 250

// ClearPages removes the page documents of all generations except keep (0: of all), a batch at a time. It may be
// repeated, and must be after an error. The query is
//
//	generation != keep
//
// on the index that Firestore keeps for every field, and reads only names. It costs one read and one delete per page
// and one read of the record; without pages, one read.
func (s *Store) ClearPages(ctx context.Context, id string, keep int64) error {
	c, err := s.open(ctx, "clear pages")
	if err != nil {
		return err
	}
	others := &pb.StructuredQuery{
		From:   from(pagesCollection),
		Select: &pb.StructuredQuery_Projection{Fields: []*pb.StructuredQuery_FieldReference{field("__name__")}},
		Limit:  wrapperspb.Int32(clearBatch),
	}
	if keep != 0 {
		others.Where = where("generation", pb.StructuredQuery_FieldFilter_NOT_EQUAL, numberValue(keep))
	}
	for {
		docs, _, err := c.query(ctx, c.recordName(id), others)
		if err != nil {
			return queryError(ctx, "clear pages", err)
		}
		listed := len(docs)
		if docs, err = c.notOfRecord(ctx, id, docs); err != nil {
			return err
		}
		if err := c.remove(ctx, docs); err != nil {
			return queryError(ctx, "clear pages", err)
		}
		if listed < clearBatch || len(docs) == 0 {
			return nil
		}
	}
}

// notOfRecord returns docs without the pages of the record's current generation, unless the record is an erasure
// marker. It reads the record after the pages were listed: pages are written with their record, so none of the listed
// pages can belong to a later generation.
func (c *conn) notOfRecord(ctx context.Context, id string, docs []*pb.Document) ([]*pb.Document, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	r, err := c.get(ctx, id)
	if err != nil || r == nil || r.Status == document.StatusDeleted {
		return docs, err
	}
	prefix := strconv.FormatInt(r.Generation, 10) + "-"
	return slices.DeleteFunc(docs, func(d *pb.Document) bool { return strings.HasPrefix(path.Base(d.Name), prefix) }),
		nil
}

// remove deletes documents in one commit, or in several if Firestore refuses that with "Transaction too big": deleted
// data counts towards a commit's size. A document that does not exist is not an error.
func (c *conn) remove(ctx context.Context, docs []*pb.Document) error {
	if len(docs) == 0 {
		return nil
	}
	var writes []*pb.Write
	for _, doc := range docs {
		writes = append(writes, &pb.Write{Operation: &pb.Write_Delete{Delete: doc.Name}})
	}
	_, err := c.write(ctx, writes)
	if half := len(docs) / 2; status.Code(err) == codes.InvalidArgument && half > 0 {
		if err := c.remove(ctx, docs[:half]); err != nil {
			return err
		}
		return c.remove(ctx, docs[half:])
	}
	return err
}
