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

// Config says where the records are.
type Config struct {
	Project    string // empty: the metadata server is asked
	Database   string // empty: (default)
	Collection string // id of a collection at the top
	// Emulator is the address of a Firestore emulator, host:port or a URL, asked in plain text and with all rights.
	// Empty: Firestore itself.
	Emulator string
}

// Store is [document.Store], [document.Watcher] and [document.Lister] over Firestore. Its account needs the role
// datastore.user.
//
// The collection is its own: a record's document is always replaced whole, and with it any field that another program
// added. Pages lie in the sub-collection ocr_pages of their document.
//
// A try of a call ends when Firestore is silent for [silenceLimit]. Reads are tried again for [repeatLimit] while
// Firestore is busy or does not answer; a commit that takes longer than [commitLimit] may have been applied, so
// [document.Update] reads before it tries again. What these limits end is [document.ErrStoreUnavailable]; the context's
// error is the caller's own end alone.
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

// Close closes the connections, if there are any. No call may follow it.
func (s *Store) Close() error {
	if c, ok := s.conn.Peek(); ok {
		return c.rpc.Close()
	}
	return nil
}

// Get reads one record; nil where there is none. It costs one document read.
func (s *Store) Get(ctx context.Context, id string) (*document.Stored, error) {
	c, err := s.open(ctx, "get")
	if err != nil {
		return nil, err
	}
	return c.get(ctx, id)
}

// Commit is conditional on the document's update time, or on its absence. It costs one document write for the record
// and for each page of the change; one that is refused is not charged.
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

// get reads a record. The call for several documents is used for one because it tells a missing document, an answer,
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

// commit replaces the record, writes and removes pages, all or nothing, if the record still is what from says (nil: if
// there is none). What it returns is read from what it wrote, so it is what Get reads.
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
	// commitLimit is how long a commit may take, with the repetitions of Google's client. A commit takes a tenth of a
	// second, and one of several MiB some seconds; with the read that follows a lost answer it is over before a lease
	// ends.
	commitLimit = 15 * time.Second
	// maxCommit is the largest commit in bytes, as it is sent. Firestore takes 10 MiB and counts more than what is
	// sent.
	maxCommit = 9 << 20
)

// write makes one commit.
func (c *conn) write(ctx context.Context, writes []*pb.Write) (*pb.CommitResponse, error) {
	req := &pb.CommitRequest{Database: c.database, Writes: writes}
	if n := proto.Size(req); n > maxCommit {
		return nil, status.Errorf(codes.InvalidArgument,
			"a commit of %d bytes in %d writes is over the limit of %d bytes", n, len(writes), maxCommit)
	}
	ctx, cancel := context.WithTimeout(c.routed(ctx), commitLimit)
	defer cancel()
	return c.rpc.Commit(ctx, req)
}

// recordWrite replaces the whole document.
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

// pageWrite needs no condition: it is applied with the record's or not at all.
func (c *conn) pageWrite(id string, p document.Page) *pb.Write {
	return replace(c.pageName(id, pageID(p.Generation, p.Page)), pageFields(p), nil, "finished")
}

// replace writes a document whole, with the server's time in the fields named.
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

// applied returns the record as it is after a write: its fields, and the times that the server set.
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

// Due lists at most limit records whose Due is not after now, the longest overdue first. The query is
//
//	due <= now, ordered by due
//
// and its index is the one that Firestore keeps of every field; a record without due is not in it. It costs one read
// for each record listed.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]*document.Stored, error) {
	c, err := s.open(ctx, "due")
	if err != nil {
		return nil, err
	}
	docs, at, err := c.query(ctx, c.root(), &pb.StructuredQuery{
		From:    from(c.collection),
		Where:   where("due", pb.StructuredQuery_FieldFilter_LESS_THAN_OR_EQUAL, momentValue(now)),
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
// and its index is the one that Firestore keeps of every field; a record without a key is not in it. It costs one read,
// also where there is none.
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
// and the order is made here, so the index that Firestore keeps of every field is enough. It costs one read for each
// page.
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

// ClearPages removes the page documents of all generations but keep (0: of all), a batch at a time. It may be repeated,
// and has to be after an error. The query is
//
//	generation != keep
//
// over the index that Firestore keeps of every field, and only names are read. It costs one read and one delete for
// each page and a read of the record, and one read where there is none.
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

// notOfRecord leaves out the pages of the generation that the record speaks of, unless that is a marker. The record is
// read after the pages were listed: pages are written with their record, so none of those listed can belong to a
// generation that comes later.
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

// remove deletes documents in one commit, or in several where Firestore refuses it: what is deleted counts as part of
// the commit, "Transaction too big". One that is gone already is not an error.
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
