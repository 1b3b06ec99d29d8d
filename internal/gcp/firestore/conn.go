package firestore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/compute/metadata"
	api "cloud.google.com/go/firestore/apiv1"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/bucketocr/bucketocr/internal/gcp"
)

// conn is the connection to one collection of one database.
type conn struct {
	rpc        *api.Client
	database   string // projects/P/databases/D
	collection string
}

// pings returns an option that detects a dead connection while a call is under way. A watch needs it: nothing else
// would end it. If the server objects to the number of pings, gRPC sends fewer.
func pings() grpc.DialOption {
	return grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second})
}

// open returns the connection; the first call makes it.
func (s *Store) open(ctx context.Context, op string) (*conn, error) {
	c, err := s.conn.Get(ctx)
	if err != nil {
		return nil, dialError(ctx, op, err)
	}
	return c, nil
}

func dial(ctx context.Context, c Config, opts ...grpc.DialOption) (*conn, error) {
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
		client = []option.ClientOption{option.WithGRPCConn(conn)}
	} else {
		creds, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: api.DefaultAuthScopes()})
		if err != nil {
			return nil, &gcp.CredentialsError{Err: err}
		}
		creds.TokenProvider = tokens{creds.TokenProvider}
		client = []option.ClientOption{option.WithGRPCDialOption(pings()), option.WithAuthCredentials(creds)}
	}
	// The client keeps this context for fetching tokens, beyond this call.
	rpc, err := api.NewClient(context.WithoutCancel(ctx), client...)
	if err != nil {
		return nil, &gcp.CredentialsError{Err: err}
	}
	return &conn{
		rpc: rpc, database: fmt.Sprintf("projects/%s/databases/%s", project, c.Database), collection: c.Collection}, nil
}

// tokens makes a failure to get an access token that may pass one of the connection. To gRPC every such failure is
// Unauthenticated, like the lack of a role.
type tokens struct{ auth.TokenProvider }

func (p tokens) Token(ctx context.Context) (*auth.Token, error) {
	token, err := p.TokenProvider.Token(ctx)
	if err != nil && !gcp.CredentialsRefused(err) {
		return nil, status.Errorf(codes.Unavailable, "no access token: %s", gcp.Cause(err))
	}
	return token, err
}

// projectID returns the given project, or else the metadata server's.
func projectID(ctx context.Context, project string) (string, error) {
	if project != "" {
		return project, nil
	}
	if !metadata.OnGCEWithContext(ctx) {
		return "", &gcp.CredentialsError{Err: errors.New("no project: set GOOGLE_CLOUD_PROJECT")}
	}
	return metadata.ProjectIDWithContext(ctx)
}

// dialEmulator connects to an emulator as its owner, like Google's clients.
func dialEmulator(host string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	host = strings.TrimPrefix(host, "http://")
	return grpc.NewClient("passthrough:///"+host, append(opts,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(owner{}))...)
}

// owner is the credentials of the emulator's administrator.
type owner struct{}

func (owner) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer owner"}, nil
}

func (owner) RequireTransportSecurity() bool { return false }

// pagesCollection is the id of the collection of pages below a document.
const pagesCollection = "ocr_pages"

func (c *conn) root() string                { return c.database + "/documents" }
func (c *conn) recordName(id string) string { return c.root() + "/" + c.collection + "/" + id }
func (c *conn) pageName(id, page string) string {
	return c.recordName(id) + "/" + pagesCollection + "/" + page
}

// routed adds the routing header that names the database, as Google's own client does.
func (c *conn) routed(ctx context.Context) context.Context {
	return grpcmetadata.AppendToOutgoingContext(ctx, "google-cloud-resource-prefix", c.database)
}
