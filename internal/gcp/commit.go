package gcp

import (
	"context"
	"fmt"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bucketocr/bucketocr/internal/document"
)

// commit replaces the record, writes and removes pages, all or nothing, if the record still is what from says (nil: if there
// is none). What it returns is read from what it wrote, so it is what Get reads.
func (s *store) commit(ctx context.Context, id string, from *document.Stored, change *document.Change) (*document.Stored, error) {
	record := s.recordWrite(id, from, change)
	writes := []*pb.Write{record}
	for _, p := range change.Pages {
		writes = append(writes, s.pageWrite(id, p))
	}
	for _, n := range change.Drop {
		name := s.page(id, pageID(change.Record.Generation, n))
		writes = append(writes, &pb.Write{Operation: &pb.Write_Delete{Delete: name}})
	}
	answer, err := s.rpc.Commit(s.routed(ctx), &pb.CommitRequest{Database: s.database, Writes: writes})
	if err != nil {
		return nil, err
	}
	if len(answer.WriteResults) != len(writes) {
		return nil, fmt.Errorf("commit returned %d results for %d writes", len(answer.WriteResults), len(writes))
	}
	return applied(record, answer.WriteResults[0]), nil
}

// recordWrite replaces the whole document.
func (s *store) recordWrite(id string, from *document.Stored, change *document.Change) *pb.Write {
	f := recordFields(change.Record)
	f["write"] = text(change.Record.Write)
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
	return replace(s.document(id), f, precondition(from), stamps...)
}

// pageWrite needs no condition: it stands or falls with the record's.
func (s *store) pageWrite(id string, p document.Page) *pb.Write {
	return replace(s.page(id, pageID(p.Generation, p.Page)), pageFields(p), nil, "finished")
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

// precondition is that the document is still the one read, or still missing.
func precondition(from *document.Stored) *pb.Precondition {
	if from == nil {
		return &pb.Precondition{ConditionType: &pb.Precondition_Exists{Exists: false}}
	}
	at := timestamppb.New(time.Unix(0, from.Version))
	return &pb.Precondition{ConditionType: &pb.Precondition_UpdateTime{UpdateTime: at}}
}

// applied is the record as it stands after a write: its fields, and the times that the server set.
func applied(w *pb.Write, result *pb.WriteResult) *document.Stored {
	f := fields(w.GetUpdate().Fields)
	for i, transform := range w.UpdateTransforms {
		if i < len(result.TransformResults) {
			f[transform.FieldPath] = result.TransformResults[i]
		}
	}
	return &document.Stored{Record: readRecord(f), Version: result.UpdateTime.AsTime().UnixNano()}
}
