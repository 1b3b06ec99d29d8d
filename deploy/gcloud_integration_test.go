//go:build integration

package deploytest

import (
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unreachable cuts gcloud off from the network, should it find an account after all, by a proxy that does not exist.
var unreachable = []string{"CLOUDSDK_PROXY_TYPE=http", "CLOUDSDK_PROXY_ADDRESS=127.0.0.1", "CLOUDSDK_PROXY_PORT=1"}

// TestParser: gcloud's own parser accepts every command. It parses flags before it looks for an account: exit code 2 is
// a refusal, 1 the missing account.
func TestParser(t *testing.T) {
	need(t, "bash", "gcloud")
	t.Parallel()
	machine, host := newMachine(t)
	env := slices.Concat(quick(t), unreachable,
		[]string{"CLOUDSDK_CONFIG=" + t.TempDir(), "CLOUDSDK_CORE_DISABLE_FILE_LOGGING=1", "GCE_METADATA_ROOT=" + host})
	commands := map[string]bool{}
	for _, p := range printable {
		for _, line := range dryRun(t, p.env, p.args...).lines() {
			if strings.HasPrefix(line, "gcloud ") {
				commands[line] = true
			}
		}
	}
	if len(commands) < 110 {
		t.Fatalf("only %d commands", len(commands))
	}
	for _, line := range slices.Sorted(maps.Keys(commands)) {
		out := run(t, env, "bash", "-c", line)
		local := strings.HasPrefix(line, "gcloud meta list-files-for-upload") || line == "gcloud version" ||
			strings.Contains(line, "--help")
		if local && out.code == 0 {
			continue
		}
		if out.code != 1 || !strings.Contains(out.stderr, "active account") {
			t.Errorf("%s\nexit %d: %s", line, out.code, out.stderr)
		}
	}
	for _, wrong := range []string{"gcloud run deploy x --image=y --nonsense=1",
		"gcloud run deploy x --image=y --timeout=soon",
		"gcloud eventarc triggers create x --location=us --event-filters=type=y"} {
		if out := run(t, env, "bash", "-c", wrong); out.code != 2 {
			t.Errorf("%s\nexit %d: %s", wrong, out.code, out.stderr)
		}
	}
	if n := machine.asked.Load(); n > 0 {
		t.Errorf("gcloud asked the machine for its account %d times", n)
	}
	// the control: with an account, a command would get no further than this machine
	env = append(env, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE="+write(t, "token", "no-token", 0o600))
	if out := run(t, env, "bash", "-c", "gcloud pubsub topics list --project=my-project"); out.code != 1 ||
		!strings.Contains(out.stderr, "ProxyError") {
		t.Errorf("with an account: exit %d: %s", out.code, out.stderr)
	}
}

// documentedGcloud matches commands of gcloud in Markdown: a line of their own, within another command, or in a
// sentence.
var documentedGcloud = regexp.MustCompile("(?m)^ *(gcloud .*)$|\\$\\((gcloud .*)\\)$|`(gcloud [^`]*)`")

// TestDocumentedGcloud: gcloud's own parser accepts every command that the documents show.
func TestDocumentedGcloud(t *testing.T) {
	need(t, "bash", "gcloud")
	t.Parallel()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("../examples/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	env := slices.Concat(quick(t), unreachable, []string{"CLOUDSDK_CONFIG=" + t.TempDir(), "PROJECT_ID=" + project,
		"REGION=" + region, "CLOUDSDK_CORE_DISABLE_FILE_LOGGING=1"})
	known := map[string]bool{}
	for _, file := range slices.Concat(files, examples, []string{"../README.md"}) {
		text := strings.ReplaceAll(read(t, strings.TrimPrefix(file, "../")), "\\\n", " ")
		for _, m := range documentedGcloud.FindAllStringSubmatch(text, -1) {
			command, _, _ := strings.Cut(m[1]+m[2]+m[3], " #")
			command = strings.Join(strings.Fields(command), " ")
			if known[command] || strings.Contains(command, " login") || strings.Contains(command, " emulators ") ||
				command == "gcloud run deploy --source" {
				continue
			}
			known[command] = true
			if out := run(t, env, "bash", "-c", command); out.code != 1 ||
				!strings.Contains(out.stderr, "active account") {
				t.Errorf("%s: %s\nexit %d: %s", file, command, out.code, out.stderr)
			}
		}
	}
	if len(known) < 10 {
		t.Errorf("only %v", known)
	}
}

// newMachine starts the metadata server of a machine, and returns its address.
func newMachine(t *testing.T) (*machine, string) {
	t.Helper()
	m := &machine{}
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	return m, strings.TrimPrefix(s.URL, "http://")
}

// TestMachineAccountIsNeverUsed: even with a metadata server, as on Cloud Build, no command of a test uses its account;
// without the variable that prevents it, the same command would be executed.
func TestMachineAccountIsNeverUsed(t *testing.T) {
	need(t, "gcloud", "bash")
	t.Parallel()
	const command = "gcloud pubsub topics delete bucketocr-backfill --project=my-project --quiet"
	for _, tt := range []struct {
		name, check string
		used        bool
	}{{"as the tests run it", "", false}, {"the control", "CLOUDSDK_CORE_CHECK_GCE_METADATA=true", true}} {
		m, host := newMachine(t)
		g := newGoogle(t)
		g.things["/v1/projects/my-project/topics/bucketocr-backfill"] = object{}
		env := []string{"CLOUDSDK_CONFIG=" + t.TempDir(), "GCE_METADATA_ROOT=" + host, "GCE_METADATA_HOST=" + host,
			"GCE_METADATA_IP=" + host,
			"CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=" + g.url + "/", "CLOUDSDK_CORE_DISABLE_FILE_LOGGING=1"}
		if tt.check != "" {
			env = append(env, tt.check)
		}
		out := run(t, env, "bash", "-c", command)
		g.settle()
		if used := m.asked.Load() > 0; used != tt.used || len(g.changes) > 0 != tt.used || (out.code == 0) != tt.used {
			t.Errorf("%s: exit %d, the machine was asked %d times, changed %v: %s", tt.name, out.code, m.asked.Load(),
				g.changes, out.stderr)
		}
	}
}

// TestBuildFiles: gcloud accepts the files; it refuses unknown keys, so that this proves something.
func TestBuildFiles(t *testing.T) {
	need(t, "gcloud", "bash")
	t.Parallel()
	env := slices.Concat(quick(t), unreachable, []string{"CLOUDSDK_CONFIG=" + t.TempDir()})
	submit := func(file, substitutions string) outcome {
		return run(t, env, "bash", "-c", "gcloud builds submit --no-source --project=my-project --config='"+file+"' '"+
			substitutions+"'")
	}
	for file, substitutions := range buildFiles {
		if out := submit(file, substitutions); out.code != 1 || !strings.Contains(out.stderr, "active account") {
			t.Errorf("%s: exit %d: %s", file, out.code, out.stderr)
		}
		broken := write(t, "cloudbuild.yaml", strings.Replace(read(t, file), "args:", "argz:", 1), 0o600)
		if out := submit(broken, substitutions); !strings.Contains(out.stderr, "argz") {
			t.Errorf("%s with a wrong key: exit %d: %s", file, out.code, out.stderr)
		}
	}
}

// TestUpload: a deploy uploads the function and nothing that only tests, commands or deploys need.
func TestUpload(t *testing.T) {
	need(t, "gcloud")
	cmd := exec.Command("gcloud", "meta", "list-files-for-upload", ".")
	cmd.Dir, cmd.Env = "..", append(slices.Concat(os.Environ(), offGCE), "CLOUDSDK_CONFIG="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, want := range []string{"go.mod", "go.sum", "function.go", "internal/app/handler.go"} {
		if !slices.Contains(files, want) {
			t.Errorf("%s is not uploaded", want)
		}
	}
	for _, file := range files {
		for _, unwanted := range []string{".git/", "testdata/", "cmd/", "localocr/", "bench/", "internal/plan/",
			"_test.go"} {
			if strings.HasPrefix(file, unwanted) || strings.HasSuffix(file, unwanted) {
				t.Errorf("%s is uploaded", file)
			}
		}
		if strings.Count(file, "/") == 0 && strings.HasPrefix(file, "Dockerfile") {
			t.Errorf("%s in the root would replace the buildpack", file)
		}
	}
}

// TestCheck: without an account --check reports that, with everything else known to be missing, and exits with 1.
func TestCheck(t *testing.T) {
	need(t, "gcloud", "bash", "curl")
	t.Parallel()
	env := slices.Concat(quick(t), unreachable, []string{"CLOUDSDK_CONFIG=" + t.TempDir()})
	out := deploy(t, env, "--check")
	if out.code != 1 || out.stdout != "" {
		t.Errorf("exit %d, printed %q", out.code, out.stdout)
	}
	for _, want := range []string{"ok       gcloud alpha", "ok       gcloud beta", "ok       gcloud 528",
		"MISSING  an account", "gcloud auth login"} {
		if !strings.Contains(out.stderr, want) {
			t.Errorf("%q is not in %s", want, out.stderr)
		}
	}
}
