package bucketocr

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bucketocr/bucketocr"

// goList runs go list and gives its lines.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestDependencies: they point one way. A room that is not in the table may import nothing of ours.
func TestDependencies(t *testing.T) {
	allowed := map[string][]string{
		"":                               {"ocr", "internal/page", "internal/document", "internal/worker", "internal/event", "internal/config", "internal/gcp/cloudlog", "internal/gcp/firestore", "internal/gcp/idtoken", "internal/gcp/storage", "internal/telemetry"},
		"ocr/ocrtest":                    {"ocr"},
		"internal/page":                  {"internal/page/heif", "internal/page/pdf", "internal/page/salvage", "internal/page/sandbox", "internal/page/tiff"},
		"internal/page/heif":             {"internal/page/wasm"},
		"internal/page/pdf":              {"internal/page/wasm"},
		"internal/worker":                {"ocr", "internal/page", "internal/document"},
		"internal/document/documenttest": {"internal/document"},
		"internal/event":                 {"internal/document"},
		"internal/backfill":              {"internal/document", "internal/event", "internal/wait"},
		"internal/config":                {"internal/event", "internal/document"},
		"internal/gcp":                   {"internal/document"},
		"internal/gcp/cloudlog":          {"internal/document"},
		"internal/gcp/firestore":         {"internal/document", "internal/gcp", "internal/wait"},
		"internal/gcp/idtoken":           {"internal/gcp"},
		"internal/gcp/storage":           {"internal/document", "internal/gcp", "internal/wait"},
		"internal/plan/sim":              {"internal/document", "internal/plan"},
		"internal/telemetry":             {"ocr", "internal/document", "internal/worker"},
		"internal/gcp/gcptest":           {"internal/document", "ocr/ocrtest"},
		"internal/local":                 {"internal/local/folder", "internal/local/sqlite"},
		"internal/local/folder":          {"internal/document", "internal/local/sqlite"},
		"internal/local/sqlite":          {"internal/document"},
		"internal/ui":                    {"internal/document", "internal/page", "internal/ui/render"},
		"cmd/bucketocr": {"", "internal/document", "internal/event", "internal/config", "internal/gcp/firestore", "internal/gcp/idtoken", "internal/gcp/pubsub", "internal/gcp/storage", "internal/local", "internal/local/folder", "internal/backfill", "internal/plan", "internal/wait",
			"internal/ui", "internal/page"},
	}
	for _, line := range goList(t, "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...") {
		path, imports, _ := strings.Cut(line, " ")
		room := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
		for imported := range strings.FieldsSeq(imports) {
			if ours, ok := strings.CutPrefix(imported, module); ok {
				if !slices.Contains(allowed[room], strings.TrimPrefix(ours, "/")) {
					t.Errorf("%s imports %s", path, imported)
				}
				continue
			}
			google := strings.HasPrefix(imported, "cloud.google.com/") || strings.HasPrefix(imported, "google.golang.org/")
			google = google && !strings.HasPrefix(imported, "google.golang.org/protobuf/") // a format
			otel := strings.HasPrefix(imported, "go.opentelemetry.io/otel/sdk") || strings.HasPrefix(imported, "go.opentelemetry.io/otel/exporters")
			if otel && room != "internal/telemetry" {
				t.Errorf("%s imports %s: OpenTelemetry's SDK belongs in internal/telemetry", path, imported)
			}
			if google && !strings.HasPrefix(room, "internal/gcp") {
				t.Errorf("%s imports %s: Google's clients belong in internal/gcp", path, imported)
			}
		}
	}
}

// TestDeployedWeight: the function does not carry what only the local run, the commands or tests need.
func TestDeployedWeight(t *testing.T) {
	for _, dep := range goList(t, "-deps", ".") {
		for _, unwanted := range []string{
			module + "/internal/local", module + "/internal/backfill", module + "/internal/gcp/pubsub", module + "/internal/plan", module + "/bench",
			module + "/internal/ui", "goldmark", "bluemonday", "goja", "chromedp",
			module + "/cmd", module + "/localocr", "ocrtest", "gcptest", "documenttest", "otlptest",
			"sqlite", "modernc.org", "gosseract", "pagetest", "cobra", "urfave", "cloud.google.com/go/storage", "testing/",
		} {
			if strings.Contains(dep, unwanted) {
				t.Errorf("the root package needs %s", dep)
			}
		}
	}
}

// TestBuildpackRules: what the Go buildpack demands of a function's root folder.
func TestBuildpackRules(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	registers := false
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name.Name != "bucketocr" {
			t.Errorf("%s is of package %s: the root may hold one package only, tests included", file, f.Name.Name)
		}
		for _, i := range f.Imports {
			registers = registers || !strings.HasSuffix(file, "_test.go") &&
				i.Path.Value == `"github.com/GoogleCloudPlatform/functions-framework-go/functions"`
		}
	}
	if !registers {
		t.Error("no file of the root imports the functions package, so the buildpack would not use the declarative main")
	}
	if path := goList(t, "-m")[0]; path != module || !strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
		t.Errorf("module path %s", path)
	}
	for _, dep := range goList(t, "-deps", "-f", "{{if .CgoFiles}}{{if not .Standard}}{{.ImportPath}}{{end}}{{end}}", ".") {
		if dep != "" {
			t.Errorf("%s needs cgo", dep)
		}
	}
}

// TestUploadIsWhole: .gcloudignore leaves out nothing that the function is built from.
func TestUploadIsWhole(t *testing.T) {
	ignored, err := os.ReadFile(".gcloudignore")
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range goList(t, "-deps", ".") {
		room, ours := strings.CutPrefix(dep, module+"/")
		if !ours {
			continue
		}
		for pattern := range strings.Lines(string(ignored)) {
			pattern = strings.TrimSpace(pattern)
			if folder, ok := strings.CutSuffix(pattern, "/"); ok && strings.HasPrefix(room+"/", folder+"/") {
				t.Errorf("the function needs %s, and .gcloudignore leaves out %s", dep, pattern)
			}
		}
	}
}
