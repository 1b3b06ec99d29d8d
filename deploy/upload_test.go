package deploytest

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

// goList runs go list in the repository's root and returns its lines.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir, cmd.Stderr = "..", os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestDeployedFunctionIsSmall: the function does not contain packages that only the local run, the commands or tests
// need.
func TestDeployedFunctionIsSmall(t *testing.T) {
	t.Parallel()
	unwanted := []string{
		module + "/internal/local",
		module + "/internal/plan", module + "/internal/ui", module + "/bench", module + "/cmd", module + "/localocr",
		"ocrtest", "gcptest", "documenttest", "otlptest", "pagetest", "apptest", "testing/",
		"sqlite", "modernc.org", "gosseract", "goldmark", "bluemonday", "goja", "chromedp", "cobra", "urfave",
		"cloud.google.com/go/storage",
	}
	for _, dep := range goList(t, "-deps", ".") {
		for _, part := range unwanted {
			if strings.Contains(dep, part) {
				t.Errorf("the function contains %s", dep)
			}
		}
	}
}

// TestLightPackages: packages that share the domain's types do not depend on the engine: package document and the
// public client need only the standard library, the event codec nothing that decodes images, serves HTTP or talks to
// Google.
func TestLightPackages(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"internal/document", "ocr"} {
		for _, dep := range goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./"+path) {
			if dep != "" && dep != module+"/"+path {
				t.Errorf("%s needs %s", path, dep)
			}
		}
	}
	for _, path := range []string{"internal/document", "internal/event"} {
		for _, dep := range goList(t, "-deps", "./"+path) {
			for _, part := range []string{"pdfium", "wazero", "net/http", "cloud.google.com", "google.golang.org"} {
				if strings.Contains(dep, part) {
					t.Errorf("%s needs %s", path, dep)
				}
			}
		}
	}
}

// TestSettingsAreNotUploaded: the file in which docs/operations.md keeps settings is neither committed nor uploaded.
func TestSettingsAreNotUploaded(t *testing.T) {
	t.Parallel()
	for file, line := range map[string]string{".gitignore": "/settings.env", ".gcloudignore": "settings.env"} {
		if !slices.Contains(strings.Split(read(t, file), "\n"), line) {
			t.Errorf("%s lacks %s", file, line)
		}
	}
}

// TestBuildpackRules: the root folder meets the Go buildpack's requirements for a function.
func TestBuildpackRules(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../*.go")
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
	for _, dep := range goList(t, "-deps", "-f", "{{if .CgoFiles}}{{if not .Standard}}{{.ImportPath}}{{end}}{{end}}",
		".") {
		if dep != "" {
			t.Errorf("%s needs cgo", dep)
		}
	}
}

// TestUploadIsWhole: .gcloudignore excludes no package that the function is built from, and all others.
func TestUploadIsWhole(t *testing.T) {
	t.Parallel()
	ignored, err := os.ReadFile("../.gcloudignore")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for pattern := range strings.Lines(string(ignored)) {
		if folder, ok := strings.CutSuffix(strings.TrimSpace(pattern), "/"); ok {
			folders = append(folders, folder)
		}
	}
	needed := goList(t, "-deps", ".")
	for _, path := range goList(t, "./...") {
		folder, ours := strings.CutPrefix(path, module+"/")
		if !ours {
			continue
		}
		uploaded := !slices.ContainsFunc(folders, func(f string) bool { return strings.HasPrefix(folder+"/", f+"/") })
		if need := slices.Contains(needed, path); need != uploaded {
			t.Errorf("%s: needed by the function %v, uploaded %v", path, need, uploaded)
		}
	}
}
