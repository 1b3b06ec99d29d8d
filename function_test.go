package bucketocr

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// asMain makes the test binary act as the program that the buildpack generates, which imports the package and starts
// the framework.
const asMain = "BUCKETOCR_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		panic(funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT")))
	}
	os.Exit(m.Run())
}

// TestFramework: under the functions framework events become documents, and neither nonsense nor a panic ends the
// process.
func TestFramework(t *testing.T) {
	var panics atomic.Bool
	c, log := apptest.New(t, apptest.Options{}), &apptest.Log{}
	c.Records.(*documenttest.Memory).Before = func(context.Context, string, string) error {
		if panics.Load() {
			panic("a driver's mistake")
		}
		return nil
	}
	register(c.Handler(log))
	t.Setenv("FUNCTION_TARGET", app.Target)
	port := apptest.FreePort(t)
	go func() { panic(funcframework.StartHostPort("127.0.0.1", port)) }()
	url := apptest.Await(t, port)

	binary, structured := c.Encode(c.Put("a.png", apptest.PNG(50))), c.Encode(c.Put("b.png", apptest.PNG(51)))
	body, err := structured.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, r *http.Request, wantStatus int, want string) {
		t.Helper()
		if status, text := apptest.Do(r); status != wantStatus || text != want {
			t.Errorf("%s: answered %d %q, want %d %q\n%s", what, status, text, wantStatus, want, log)
		}
	}
	check("nonsense", apptest.Structured(t, url, "{"), 400, "invalid CloudEvent")
	panics.Store(true)
	check("panic", apptest.Request(t, t.Context(), url, binary), 503, "retry")
	panics.Store(false)
	check("binary mode", apptest.Request(t, t.Context(), url, binary), 200, "done")
	check("structured mode", apptest.Structured(t, url, string(body)), 200, "done")
	book := c.Put("book.pdf", pagetest.PDF("", []pagetest.PDFPage{pagetest.Text("Drawn by another process.")}))
	check("a format that a decoder process reads", apptest.Request(t, t.Context(), url, c.Encode(book)), 200, "done")
}

// TestCloudRun: on Cloud Run the package itself reads the configuration, registers the function and ends at SIGTERM.
// Problems of OpenTelemetry's SDK with its variables are logged and stop nothing.
func TestCloudRun(t *testing.T) {
	port := apptest.FreePort(t)
	start := func(env ...string) (*exec.Cmd, *bytes.Buffer) {
		stderr := &bytes.Buffer{}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(env, asMain+"=1", "K_SERVICE=scans", "FUNCTION_TARGET=ExtractText", "PORT="+port)
		cmd.Stderr = stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		return cmd, stderr
	}
	cmd, stderr := start()
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 ||
		!strings.Contains(stderr.String(), "OCR_URL") {
		t.Errorf("without settings: %v\n%s", err, stderr)
	}
	cmd, stderr = start(append(apptest.New(t, apptest.Options{}).Environ(),
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_TRACES_SAMPLER=half",
		"OTEL_RESOURCE_ATTRIBUTES=team")...)
	if status, text := apptest.Do(apptest.Structured(t, apptest.Await(t, port), "{")); status != 400 {
		t.Errorf("nonsense was answered %d %q", status, text)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("at SIGTERM: %v\n%s", err, stderr)
	}
	for problem, variable := range map[string]string{"unsupported sampler": "OTEL_TRACES_SAMPLER",
		"missing value": "OTEL_RESOURCE_ATTRIBUTES"} {
		lines := slices.DeleteFunc(strings.Split(stderr.String(), "\n"), func(line string) bool {
			return !strings.Contains(line, problem)
		})
		if len(lines) != 1 || !strings.Contains(lines[0], `"severity":"WARNING"`) ||
			!strings.Contains(lines[0], variable) {
			t.Errorf("want one warning of %s with %s: %q", problem, variable, lines)
		}
	}
}
