package gcptest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/bucketocr/bucketocr/internal/freeport"
	"github.com/bucketocr/bucketocr/internal/tier"
)

// hostEnv is the variable by which Google's clients find a running emulator.
const hostEnv = "FIRESTORE_EMULATOR_HOST"

// emulator is a running emulator of the Cloud SDK, a Java program, shared by this process.
type emulator struct {
	once sync.Once
	host string
	err  error
	stop func()
}

var firestore, pubsub emulator

// Main is the body of a TestMain for tests that use [Firestore]: it runs the tests and waits until the emulator, if
// they started one, has ended.
//
//	func TestMain(m *testing.M) { os.Exit(gcptest.Main(m)) }
//
// Without it, or if the process is killed, the emulator ends a moment after the process.
func Main(m *testing.M) int {
	code := m.Run()
	for _, e := range []*emulator{&firestore, &pubsub} {
		if e.stop != nil {
			e.stop()
		}
	}
	return code
}

// Firestore returns the host:port of a Firestore emulator: the one that FIRESTORE_EMULATOR_HOST names, or else the
// Cloud SDK's, started at the first call. If there is neither, the test fails. Every test should use its own [Project].
func Firestore(tb testing.TB) (host string) {
	tb.Helper()
	tier.NeedIntegration(tb, "the Firestore emulator")
	if host := os.Getenv(hostEnv); host != "" {
		return host
	}
	firestore.once.Do(func() {
		firestore.start(firestoreEmulator)
	})
	if firestore.err != nil {
		tb.Fatalf("no Firestore emulator: %v. Install it with `gcloud components install cloud-firestore-emulator` and Java, or set %s.",
			firestore.err, hostEnv)
	}
	return firestore.host
}

// Project returns a new project id. Every project in an emulator starts empty and is separate from the others.
func Project(testing.TB) string { return "demo-" + strings.ToLower(rand.Text()[:16]) }

var firestoreEmulator = program{
	"cloud-firestore-emulator/cloud-firestore-emulator.jar",
	"com.google.cloud.datastore.emulator.firestore.CloudFirestore", "is now running", callFirestore,
}

// callFirestore writes a document and queries for it.
func callFirestore(ctx context.Context, host string) error {
	conn, err := grpc.NewClient(host, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true))) // gRPC gives up a connection after 20 s
	if err != nil {
		return err
	}
	defer conn.Close()
	const database = "projects/demo-first/databases/(default)"
	client := pb.NewFirestoreClient(conn)
	if _, err := client.Commit(ctx, &pb.CommitRequest{Database: database, Writes: []*pb.Write{{
		Operation: &pb.Write_Update{Update: &pb.Document{Name: database + "/documents/calls/first"}},
	}}}); err != nil {
		return err
	}
	stream, err := client.RunQuery(ctx, &pb.RunQueryRequest{Parent: database + "/documents",
		QueryType: &pb.RunQueryRequest_StructuredQuery{StructuredQuery: &pb.StructuredQuery{
			From: []*pb.StructuredQuery_CollectionSelector{{CollectionId: "calls"}},
		}}})
	if err != nil {
		return err
	}
	for err == nil {
		_, err = stream.Recv()
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// program is a Java program of the Cloud SDK.
type program struct {
	jar   string // a pattern, its path below the SDK's platform folder
	class string
	ready string // what it prints once it listens
	// call makes calls as its clients do. The first ones load its code, which on a busy machine takes longer than
	// clients wait.
	call func(ctx context.Context, host string) error
}

// start starts the emulator. Another process may take the chosen port before the emulator does; then start tries
// another.
func (e *emulator) start(p program) {
	jar, err := findJar(p.jar)
	if err != nil {
		e.err = err
		return
	}
	p.jar = jar
	for range 3 {
		port, err := freeport.Choose()
		if err != nil {
			e.err = err
			return
		}
		if e.host, e.stop, e.err = launch(p, port); e.err == nil {
			return
		}
	}
}

// guard is a shell script that runs a program and ends it when standard input ends: when the pipe is closed, or the
// process at its other end dies in any way. The script ends when the program does.
const guard = `"$@" </dev/null & program=$!
{ cat; kill $program; } <&3 >/dev/null 2>&1 & guard=$!
wait $program; code=$?
kill $guard 2>/dev/null
exit $code`

// startLimit is how long an emulator may take to start listening, and again to answer its first calls.
const startLimit = 2 * time.Minute

// launch starts the emulator on a port, waits for its message that it listens, as a connection to the port may reach
// another process, and then until it has answered its first calls. It starts the jar without the gcloud command, which
// leaves its child running when it is stopped.
func launch(p program, port string) (host string, stop func(), err error) {
	host = "127.0.0.1:" + port
	output := tail{ready: p.ready, listens: make(chan struct{})}
	cmd := exec.Command("sh", "-c", "exec 3<&0; "+guard, "sh", "java", "-Xmx768m", "-cp", p.jar, p.class,
		"--host=127.0.0.1", "--port="+port)
	cmd.Stdout, cmd.Stderr = &output, &output
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the output says more than the exit code
		close(ended)
	}()
	end := func() {
		pipe.Close()
		<-ended
	}
	select {
	case <-output.listens:
	case <-ended:
		pipe.Close()
		return "", nil, fmt.Errorf("the emulator ended before it listened; its output ends: %s", &output)
	case <-time.After(startLimit):
		end()
		return "", nil, fmt.Errorf("the emulator did not listen within %v; its output ends: %s", startLimit, &output)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	go func() {
		<-ended
		cancel()
	}()
	if err := p.call(ctx, host); err != nil {
		end()
		return "", nil, fmt.Errorf("the emulator's first call: %w; its output ends: %s", err, &output)
	}
	return host, func() {
		select {
		case <-ended: // this explains why tests have failed
			fmt.Fprintf(os.Stderr, "the emulator at %s ended by itself; its output ends: %s\n", host, &output)
		default:
			end()
		}
	}, nil
}

// findJar looks for the emulator below the root of the Cloud SDK: two folders above the gcloud command, or where gcloud
// reports it.
func findJar(path string) (string, error) {
	for _, program := range []string{"java", "sh", "gcloud"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", err
		}
	}
	gcloud, err := exec.LookPath("gcloud")
	if err != nil {
		return "", err
	}
	if target, err := filepath.EvalSymlinks(gcloud); err == nil {
		if jar, ok := jarIn(filepath.Dir(filepath.Dir(target)), path); ok {
			return jar, nil
		}
	}
	info := exec.Command(gcloud, "info", "--format=value(installation.sdk_root)")
	info.Env = append(os.Environ(), "CLOUDSDK_CORE_CHECK_GCE_METADATA=false") // no look-up of the machine's account
	root, err := info.Output()
	if err != nil {
		return "", fmt.Errorf("gcloud info: %w", err)
	}
	if jar, ok := jarIn(strings.TrimSpace(string(root)), path); ok {
		return jar, nil
	}
	return "", fmt.Errorf("the Cloud SDK has no component %s", filepath.Dir(path))
}

func jarIn(root, path string) (string, bool) {
	jars, err := filepath.Glob(filepath.Join(root, "platform", filepath.FromSlash(path)))
	if err != nil || len(jars) == 0 {
		return "", false
	}
	return jars[len(jars)-1], true
}

// tail keeps the end of a program's output, and notes when ready has appeared in it.
type tail struct {
	ready   string
	listens chan struct{} // closed when ready has appeared

	mu   sync.Mutex
	told bool
	end  []byte
}

// maxTail is how many bytes a tail keeps.
const maxTail = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	if !t.told && t.ready != "" && bytes.Contains(t.end, []byte(t.ready)) {
		t.told = true
		close(t.listens)
	}
	if len(t.end) > maxTail {
		t.end = append([]byte(nil), t.end[len(t.end)-maxTail:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}
