package standin

import (
	"context"
	"net"
	"sync"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// store implements the parts of Firestore that both functions use: reading documents, commits with preconditions and
// server timestamps, and queries, which find nothing.
type store struct {
	mu        sync.Mutex
	documents map[string]*document
	now       int64 // microseconds: no two commits share a time
}

type document struct {
	fields  map[string]*pb.Value
	updated *timestamppb.Timestamp
}

// firestore serves a store.
type firestore struct {
	pb.UnimplementedFirestoreServer
	costs *costs
	store *store
}

// serve serves until the process ends.
func (f *firestore) serve(l net.Listener) {
	s := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	pb.RegisterFirestoreServer(s, f)
	_ = s.Serve(l)
}

// call counts a call and waits. name is the object whose record the call writes, or "".
func (f *firestore) call(name string) {
	f.costs.calls.Add(1)
	f.costs.wait(name, f.costs.waits.Load().Firestore)
}

// BatchGetDocuments implements the service.
func (f *firestore) BatchGetDocuments(r *pb.BatchGetDocumentsRequest, out pb.Firestore_BatchGetDocumentsServer) error {
	f.call("")
	f.costs.reads.Add(int64(len(r.Documents)))
	for _, name := range r.Documents {
		if err := out.Send(f.store.look(name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) look(name string) *pb.BatchGetDocumentsResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &pb.BatchGetDocumentsResponse{ReadTime: timestamppb.Now()}
	if d := s.documents[name]; d != nil {
		answer.Result = &pb.BatchGetDocumentsResponse_Found{
			Found: &pb.Document{Name: name, Fields: d.fields, CreateTime: d.updated, UpdateTime: d.updated}}
	} else {
		answer.Result = &pb.BatchGetDocumentsResponse_Missing{Missing: name}
	}
	return answer
}

// RunQuery implements the service.
func (f *firestore) RunQuery(_ *pb.RunQueryRequest, out pb.Firestore_RunQueryServer) error {
	f.call("")
	return out.Send(&pb.RunQueryResponse{ReadTime: timestamppb.Now()})
}

// Commit implements the service.
func (f *firestore) Commit(_ context.Context, r *pb.CommitRequest) (*pb.CommitResponse, error) {
	f.call(r.Writes[0].GetUpdate().GetFields()["name"].GetStringValue())
	f.costs.commits.Add(1)
	f.costs.commitBytes.Add(int64(proto.Size(r)))
	f.costs.writes.Add(int64(len(r.Writes)))
	return f.store.commit(r.Writes)
}

func (s *store) commit(writes []*pb.Write) (*pb.CommitResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range writes {
		if err := s.allows(w); err != nil {
			return nil, err
		}
	}
	s.now = max(s.now+1, time.Now().UnixMicro())
	at := timestamppb.New(time.UnixMicro(s.now))
	answer := &pb.CommitResponse{CommitTime: at}
	for _, w := range writes {
		answer.WriteResults = append(answer.WriteResults, s.write(w, at))
	}
	return answer, nil
}

// allows checks a write's precondition.
func (s *store) allows(w *pb.Write) error {
	d := s.documents[w.GetUpdate().GetName()]
	switch c := w.GetCurrentDocument().GetConditionType().(type) {
	case *pb.Precondition_Exists:
		if !c.Exists && d != nil {
			return status.Error(codes.AlreadyExists, "the document exists")
		}
		if c.Exists && d == nil {
			return status.Error(codes.NotFound, "the document does not exist")
		}
	case *pb.Precondition_UpdateTime:
		if d == nil || !d.updated.AsTime().Equal(c.UpdateTime.AsTime()) {
			return status.Error(codes.FailedPrecondition, "the document has changed")
		}
	}
	return nil
}

// write replaces a document, the only kind of write that the functions use.
func (s *store) write(w *pb.Write, at *timestamppb.Timestamp) *pb.WriteResult {
	result := &pb.WriteResult{UpdateTime: at}
	fields := w.GetUpdate().GetFields()
	for _, t := range w.UpdateTransforms {
		now := &pb.Value{ValueType: &pb.Value_TimestampValue{TimestampValue: at}}
		fields[t.FieldPath] = now
		result.TransformResults = append(result.TransformResults, now)
	}
	s.documents[w.GetUpdate().GetName()] = &document{fields: fields, updated: at}
	return result
}
