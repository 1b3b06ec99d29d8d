package deploytest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bucketocr/bucketocr/internal/config"
)

// printable are runs that together print every command of deploy.sh for an empty project or, for destroy, a full one.
var printable = []struct {
	name string
	env  []string
	args []string
}{
	{"all", []string{"ON_DELETE=erase", "INCLUDE=scans/**,{a},b",
		"NOTIFICATION_CHANNELS=projects/my-project/notificationChannels/1",
		"OCR_API_KEY_SECRET=ocr-key:3", "BUCKET_LOCATION=US", "HF_TOKEN_SECRET=hf:1", "NOTIFY_TOPIC=ended"},
		[]string{"all"}},
	{"defaults", []string{"BUCKET=", "VLLM_DIGEST=", "MODEL_REVISION="}, []string{"all"}},
	{"without a GPU", []string{"OCR_URL=https://ocr.example.com"}, []string{"all"}},
	{"function", []string{"OCR_URL=https://ocr.example.com", "FIRESTORE_DATABASE=scans"}, []string{"function"}},
	{"build", nil, []string{"build"}},
	{"rules", nil, []string{"rules"}},
	{"destroy", []string{"OCR_API_KEY_SECRET=ocr-key:3", "HF_TOKEN_SECRET=hf:1", "NOTIFY_TOPIC=ended"},
		[]string{"destroy"}},
	{"check", nil, []string{"--check"}},
}

func dryRun(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	// A PATH without gcloud and curl, so that running any command would fail.
	return deploy(t, append(env, "PATH="+tools(t)), append([]string{"--dry-run"}, args...)...)
}

var toolFolder = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "tools")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	for _, name := range []string{"bash", "cat", "tr", "cut", "sed", "grep", "dirname", "sha256sum",
		"mktemp", "rm", "sort", "cksum", "head", "sleep", "tee"} {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", err
		}
		if err := os.Symlink(path, dir+"/"+name); err != nil {
			return "", err
		}
	}
	return dir, nil
})

// tools returns a folder with the few programs that a dry run needs.
func tools(t *testing.T) string {
	t.Helper()
	dir, err := toolFolder()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var sourceOf = regexp.MustCompile("`|\\$\\(|\\$\\{")

// TestDryRun: every line is one command that a shell reads back unchanged, without shell syntax, and none is run.
func TestDryRun(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	for _, p := range printable {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			out := dryRun(t, p.env, p.args...)
			if out.code != 0 && p.name != "check" {
				t.Fatalf("exit %d: %s", out.code, out.stderr)
			}
			if strings.Contains(out.stderr, "not found") {
				t.Error(out.stderr)
			}
			if len(out.lines()) < 4 {
				t.Errorf("only %q", out.lines())
			}
			for _, line := range out.lines() {
				if !strings.HasPrefix(line, "gcloud ") && !strings.HasPrefix(line, "curl ") {
					t.Errorf("no command: %s", line)
				}
				unquoted := regexp.MustCompile(`'(?:[^']|'\\'')*'`).ReplaceAllString(line, "")
				if sourceOf.MatchString(unquoted) || strings.ContainsAny(unquoted, "|;&<>*?$\"") {
					t.Errorf("not plain: %s", line)
				}
			}
		})
	}
}

// TestPassedOn: deploy.sh passes every variable that a deploy may set to the function.
func TestPassedOn(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	ours := map[string]string{ // set by the deploy itself, or meant for a laptop
		"OCR_URL": "set", "GOOGLE_CLOUD_PROJECT": "set", "CLOUD_RUN_TIMEOUT_SECONDS": "set", "OCR_API_KEY": "a secret",
		"PORT": "Cloud Run's", "FUNCTION_TARGET": "the buildpack's", "STORAGE_EMULATOR_HOST": "",
		"FIRESTORE_EMULATOR_HOST": "",
		"GCE_METADATA_HOST":       "", "GOOGLE_APPLICATION_CREDENTIALS": "", "PUBSUB_EMULATOR_HOST": "",
		"K_SERVICE": "Cloud Run's", "K_REVISION": "Cloud Run's",
	}
	values := map[string]string{"OCR_TIMEOUT": "2m30s", "ON_DELETE": "erase",
		"RECONCILE_BUCKETS": "my-scans,more-scans",
		"NOTIFY_TOPIC":      "projects/my-project/topics/ended", "OCR_CONCURRENCY": "3",
		"OCR_INSTANCE_CONCURRENCY": "7",
		"OCR_MODEL":                "lightonai/LightOnOCR-3-1B",
		"FIRESTORE_DATABASE":       "scans", "FIRESTORE_COLLECTION": "pages_of_ours", "EXCLUDE": "tmp/**,{a,b}",
		"INCLUDE": "a/**"}
	var env []string
	for _, v := range config.Variables() {
		if _, own := ours[v.Name]; own {
			continue
		}
		if values[v.Name] == "" {
			values[v.Name] = "value of " + v.Name
		}
		env = append(env, v.Name+"="+values[v.Name])
	}
	out := dryRun(t, append(env, "FUNCTION_CONCURRENCY=7"), "function")
	if out.code != 0 {
		t.Fatal(out.stderr)
	}
	var deployed string
	for _, line := range out.lines() {
		if strings.Contains(line, "gcloud run deploy bucketocr ") {
			deployed = line
		}
	}
	values["EXCLUDE"] += ",bucketocr-smoke/blue/**,bucketocr-smoke/green/**"
	values["INCLUDE"] += ",bucketocr-smoke/**"
	for name, value := range values {
		if !strings.Contains(deployed, "##"+name+"="+value+"##") &&
			!strings.Contains(deployed, "##"+name+"="+value+"'") {
			t.Errorf("%s=%s is not in %s", name, value, deployed)
		}
	}
	if !strings.Contains(deployed, "##CLOUD_RUN_TIMEOUT_SECONDS=540##") ||
		!strings.Contains(deployed, "--timeout=540 ") {
		t.Error("the two time-outs are not the same:", deployed)
	}
}

// withSettings matches a command of deploy.sh with settings, as documents, alerts and advice show it.
var withSettings = regexp.MustCompile(`((?:[A-Z_]+=[^ …]+ +)+)\./deploy\.sh ([a-z]+)`)

// TestDocumentedSettings: deploy.sh accepts the settings that documents and alerts show, and does not pass on those of
// which a document says so.
func TestDocumentedSettings(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	shown := 0
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../examples/*/*.md", "alerts/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range withSettings.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\\\n", ""), -1) {
				shown++
				if out := dryRun(t, strings.Fields(m[1]), m[2]); out.code != 0 {
					t.Errorf("%s: %s\nexit %d: %s", file, m[0], out.code, out.stderr)
				}
			}
		}
	}
	if shown < 6 {
		t.Errorf("only %d commands were found", shown)
	}
	const headers = "OTEL_EXPORTER_OTLP_HEADERS"
	if out := dryRun(t, []string{headers + "=x=y"}, "function"); strings.Contains(out.stdout, headers) ||
		!strings.Contains(read(t, "docs/observability.md"), "`deploy.sh` does not support these") {
		t.Errorf("docs/observability.md says of %s what is not so", headers)
	}
}

// TestRefusals: wrong settings end with 2 and name every problem; nothing is run.
func TestRefusals(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	for _, tt := range []struct {
		name string
		env  []string
		args []string
		want []string
	}{
		{"nothing set", []string{"PROJECT_ID=", "REGION=", "BUCKET="}, []string{"all"},
			[]string{"PROJECT_ID is required", "REGION is required"}},
		{"bad names", []string{"PROJECT_ID=My", "BUCKET=gs://b", "NAME=X"}, []string{"all"},
			[]string{"PROJECT_ID='My'", "BUCKET='gs://b'", "NAME='X'"}},
		{"a bucket that cannot be", []string{"BUCKET=my..scans"}, []string{"all"},
			[]string{"BUCKET='my..scans' is not the name of a bucket"}},
		{"an address for a bucket", []string{"BUCKET=192.168.5.4"}, []string{"all"}, []string{"no IP address"}},
		{"a bucket with Google's name", []string{"BUCKET=googscans"}, []string{"all"},
			[]string{`no "goog" at the start`}},
		{"a zone for a region", []string{"REGION=europe-west1-b"}, []string{"all"},
			[]string{"REGION='europe-west1-b' is not a region"}},
		{"another family's model", []string{"OCR_MODEL=meta/llama"}, []string{"gpu"},
			[]string{"OCR_MODEL='meta/llama' does not belong to the LightOnOCR family"}},
		{"this machine for a server", []string{"OCR_URL=http://localhost:8000"}, []string{"all"},
			[]string{"names this machine"}},
		{"this machine by its address", []string{"OCR_URL=http://127.0.0.1:8000/v1"}, []string{"function"},
			[]string{"names this machine"}},
		{"no time", []string{"RETRY_FOR=long"}, []string{"all"}, []string{"RETRY_FOR='long' is not seconds"}},
		{"more pages than the GPU takes", []string{"FUNCTION_MAX_INSTANCES=5"}, []string{"all"},
			[]string{"5 x OCR_INSTANCE_CONCURRENCY 8 = 40", "40 is more than 32"}},
		{"a GPU that gives up first", []string{"OCR_TIMEOUT=2m30s", "GPU_TIMEOUT=150"}, []string{"all"},
			[]string{"GPU_TIMEOUT 150 is not more than OCR_TIMEOUT 2m30s"}},
		{"no time-out", []string{"GPU_TIMEOUT=08", "OCR_TIMEOUT=soon"}, []string{"gpu"},
			[]string{"GPU_TIMEOUT='08' is not seconds", "OCR_TIMEOUT='soon' is not whole minutes and seconds"}},
		{"a page longer than Cloud Run waits", []string{"OCR_TIMEOUT=1h", "GPU_TIMEOUT=3601"}, []string{"gpu"},
			[]string{"OCR_TIMEOUT='1h' is not whole minutes and seconds", "GPU_TIMEOUT 3601 is more than 3600"}},
		{"more objects than places", []string{"FUNCTION_CONCURRENCY=9"}, []string{"all"},
			[]string{"FUNCTION_CONCURRENCY 9 is more than OCR_INSTANCE_CONCURRENCY 8"}},
		{"a tag for a digest", []string{"VLLM_DIGEST=v0.30.0"}, []string{"gpu"},
			[]string{"VLLM_DIGEST='v0.30.0' is not"}},
		{"less than the GPU takes", []string{"GPU_TYPE=nvidia-rtx-pro-6000", "GPU_CPU=8"}, []string{"gpu"},
			[]string{"GPU_CPU 8, GPU_MEMORY 80Gi: a nvidia-rtx-pro-6000 needs at least 20 and 80Gi"}},
		{"a GPU beside a service of one's own", []string{"OCR_URL=https://ocr.example.com"}, []string{"gpu"},
			[]string{"OCR_URL names an existing OCR service"}},
		{"a branch for a revision", []string{"MODEL_REVISION=main"}, []string{"all"},
			[]string{"MODEL_REVISION='main' is not"}},
		{"a key in the open", []string{"OCR_API_KEY=hunter2"}, []string{"function"},
			[]string{"OCR_API_KEY is a secret"}},
		{"ON_DELETE", []string{"ON_DELETE=burn"}, []string{"function"},
			[]string{"ON_DELETE='burn' is not keep or erase"}},
		{"no command", nil, nil, []string{"Usage:"}},
		{"no such command", nil, []string{"deploy"}, []string{"unknown command or option 'deploy'"}},
		{"two commands", nil, []string{"gpu", "function"}, []string{"one command at a time"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := deploy(t, append(tt.env, "PATH="+tools(t)), tt.args...)
			if out.code != 2 || out.stdout != "" {
				t.Errorf("exit %d, printed %q", out.code, out.stdout)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.stderr, want) {
					t.Errorf("%q is not in %s", want, out.stderr)
				}
			}
			if strings.Contains(out.stderr, "hunter2") {
				t.Error("the key was printed")
			}
		})
	}
}

// TestSize: deploy.sh only dispatches, and each step is a small file that deploy.sh sources.
func TestSize(t *testing.T) {
	script, err := os.ReadFile("../deploy.sh")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(script), "\n"); n >= 120 {
		t.Errorf("deploy.sh has %d lines", n)
	}
	steps, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		name, isScript := strings.CutSuffix(s.Name(), ".sh")
		if isScript && name != "candidate" && name != "checks" && !regexp.MustCompile(`\b`+name+`\b`).Match(script) {
			t.Errorf("deploy.sh does not read %s", s.Name())
		}
	}
	help := run(t, nil, "bash", "deploy.sh", "--help")
	for _, v := range config.Variables() {
		set := []string{"PORT", "FUNCTION_TARGET", "STORAGE_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST",
			"PUBSUB_EMULATOR_HOST", "GCE_METADATA_HOST",
			"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "CLOUD_RUN_TIMEOUT_SECONDS", "K_SERVICE",
			"K_REVISION"}
		if !slices.Contains(set, v.Name) && !strings.Contains(help.stdout, v.Name) {
			t.Errorf("--help does not name %s", v.Name)
		}
	}
	if help.code != 0 {
		t.Error(fmt.Sprint("exit ", help.code, help.stderr))
	}
}
