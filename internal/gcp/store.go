package gcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"cloud.google.com/go/compute/metadata"
	firestore "cloud.google.com/go/firestore/apiv1"
	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpcmetadata "google.golang.org/grpc/metadata"

	"github.com/bucketocr/bucketocr/internal/document"
)

// store is the connection to one collection of one database.
type store struct {
	rpc        *firestore.Client
	database   string // projects/P/databases/D
	collection string
}

func dialStore(ctx context.Context, c RecordsConfig, opts ...grpc.DialOption) (*store, error) {
	project, err := projectID(ctx, c.Project)
	if err != nil {
		return nil, err
	}
	var client []option.ClientOption
	if c.Emulator != "" {
		conn, err := dialEmulator(c.Emulator, opts...)
		if err != nil {
			return nil, err
		}
		client = append(client, option.WithGRPCConn(conn))
	}
	// The client keeps this context for its tokens, longer than the making of it takes.
	rpc, err := firestore.NewClient(context.WithoutCancel(ctx), client...)
	if err != nil {
		return nil, &credentialsError{err}
	}
	return &store{rpc: rpc, database: fmt.Sprintf("projects/%s/databases/%s", project, c.Database), collection: c.Collection}, nil
}

// projectID is the project given, else the one that the metadata server names.
func projectID(ctx context.Context, project string) (string, error) {
	if project != "" {
		return project, nil
	}
	if !metadata.OnGCEWithContext(ctx) {
		return "", &credentialsError{errors.New("no project: set GOOGLE_CLOUD_PROJECT")}
	}
	return metadata.ProjectIDWithContext(ctx)
}

// dialEmulator connects to an emulator the way that Google's clients do, as its owner.
func dialEmulator(host string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	host = strings.TrimPrefix(host, "http://")
	return grpc.NewClient("passthrough:///"+host, append(opts,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(owner{}))...)
}

// owner is the emulator's administrator.
type owner struct{}

func (owner) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer owner"}, nil
}

func (owner) RequireTransportSecurity() bool { return false }

func (s *store) root() string              { return s.database + "/documents" }
func (s *store) document(id string) string { return s.root() + "/" + s.collection + "/" + id }
func (s *store) page(id, page string) string {
	return s.document(id) + "/" + pagesCollection + "/" + page
}

// callLimit is a call's deadline where its context has none. Google's client sets the same, but not for streams.
const callLimit = time.Minute

// stream runs a call whose answer is a stream, again where the stream breaks off with a fault that passes: Google's
// client repeats only the opening.
func (s *store) stream(ctx context.Context, retry []gax.CallOption, call func(context.Context) error) error {
	ctx = s.routed(ctx)
	opts := append([]gax.CallOption{gax.WithTimeout(callLimit)}, retry...)
	return gax.Invoke(ctx, func(ctx context.Context, _ gax.CallSettings) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return call(ctx)
	}, opts...)
}

// routed names the database beside the message, as Google's own client does.
func (s *store) routed(ctx context.Context) context.Context {
	return grpcmetadata.AppendToOutgoingContext(ctx, "google-cloud-resource-prefix", s.database)
}

// get reads a record. The call for several documents is used for one because it tells a missing document, an answer, from
// a missing database, an error.
func (s *store) get(ctx context.Context, id string) (*document.Stored, error) {
	var found *pb.Document
	err := s.stream(ctx, s.rpc.CallOptions.BatchGetDocuments, func(ctx context.Context) error {
		stream, err := s.rpc.BatchGetDocuments(ctx, &pb.BatchGetDocumentsRequest{
			Database: s.database, Documents: []string{s.document(id)},
		})
		if err != nil {
			return err
		}
		answer, err := stream.Recv()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		found = answer.GetFound()
		return err
	})
	if err != nil {
		return nil, queryError(ctx, "get", err)
	}
	return stored(found), nil
}

// stored reads a document; nil for none.
func stored(doc *pb.Document) *document.Stored {
	if doc == nil {
		return nil
	}
	return &document.Stored{Record: readRecord(doc.Fields), Version: doc.UpdateTime.AsTime().UnixNano()}
}
