// Package deploytest holds the tests of deploy.sh, cloudbuild.yaml and this folder. None of them needs an account.
package deploytest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/tier"
)

// scratch is the folder for programs built by tests.
var scratch string

func TestMain(m *testing.M) {
	page.ServeIfDecoder()
	var err error
	if scratch, err = os.MkdirTemp("", "deploytest"); err != nil {
		panic(err)
	}
	code := gcptest.Main(m)
	os.RemoveAll(scratch)
	os.Exit(code)
}

// need skips the test if a program is missing; in the integration tier it fails.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if tier.Integration {
			t.Fatalf("%s is missing", p)
		}
		t.Skipf("%s is missing", p)
	}
}

// outcome is the result of running a program.
type outcome struct {
	code           int
	stdout, stderr string
}

func (o outcome) lines() []string {
	return slices.DeleteFunc(strings.Split(o.stdout, "\n"), func(l string) bool { return l == "" })
}

// offGCE keeps gcloud from using the account of the machine it runs on: on Cloud Build, a Google VM or a cloud
// workstation it would find one by itself, and execute commands that these tests only want parsed.
var offGCE = []string{
	"CLOUDSDK_CORE_CHECK_GCE_METADATA=false", "GCE_METADATA_ROOT=127.0.0.1:1", "GCE_METADATA_HOST=127.0.0.1:1"}

// run runs a program in the repository's root with these variables and few of the test's.
func run(t *testing.T, env []string, name string, args ...string) outcome {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = ".."
	cmd.Env = slices.Concat([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8",
		"CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=1",
		"CLOUDSDK_SURVEY_DISABLE_PROMPTS=1",
		"CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1"}, offGCE, env)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// settings are what deploy.sh requires.
var settings = []string{
	"PROJECT_ID=" + project, "REGION=" + region, "BUCKET=" + bucket,
	"VLLM_DIGEST=sha256:" + strings.Repeat("a", 64), "MODEL_REVISION=" + strings.Repeat("b", 40),
}

// deploy runs deploy.sh.
func deploy(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	return run(t, slices.Concat(settings, env), "bash", append([]string{"deploy.sh"}, args...)...)
}

// TestOnlyWholeLinesCount: a grant with a condition, or a name within another one, is not what was looked for.
func TestOnlyWholeLinesCount(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	const text = "a role\nb role condition\n*"
	for line, want := range map[string]int{
		"a role": 0, "b role condition": 0, "*": 0, "b role": 1, "role": 1, "a*": 1,
	} {
		out := run(t, []string{"PATH=" + os.Getenv("PATH")}, "bash", "-c", `. deploy/command.sh && has_line "$1" "$2"`,
			"bash", text, line)
		if out.code != want {
			t.Errorf("%q: exit %d, not %d: %s", line, out.code, want, out.stderr)
		}
	}
}
