package deploytest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// buildFiles are the two builds, with the substitutions that they may use.
var buildFiles = map[string]string{
	"cloudbuild.yaml":            "--substitutions=_REGION=europe-west1,_BUCKET=my-scans",
	"deploy/gpu/cloudbuild.yaml": "--substitutions=_IMAGE=europe-west4-docker.pkg.dev/p/r/ocr:1,_MODEL=m,_MODEL_REVISION=r,_VLLM_DIGEST=d,_HF_TOKEN_SECRET=",
}

var (
	idLine      = regexp.MustCompile(`(?m)^  - id: (\S+)$`)
	waitLine    = regexp.MustCompile(`(?m)^    waitFor: \[([^\]]*)\]$`)
	timeoutLine = regexp.MustCompile(`(?m)^\s*timeout: (.*)$`)
	variable    = regexp.MustCompile(`\$\{?([A-Za-z_]+)\}?`)
	definition  = regexp.MustCompile(`(?m)^  (_[A-Z_]+):`)
	scriptArg   = regexp.MustCompile(`args: \[(deploy/\S+\.sh)(?:, (\w+))?\]`)
)

// TestBuildFileContents covers mistakes that gcloud's check misses: unknown and duplicate step ids, time-outs,
// undefined substitutions.
func TestBuildFileContents(t *testing.T) {
	for file, substitutions := range buildFiles {
		var text strings.Builder // without comments
		for line := range strings.Lines(read(t, file)) {
			code, _, _ := strings.Cut(line, " #")
			if !strings.HasPrefix(line, "#") {
				text.WriteString(strings.TrimRight(code, "\n") + "\n")
			}
		}
		yaml := text.String()
		var ids []string
		for _, m := range idLine.FindAllStringSubmatch(yaml, -1) {
			if slices.Contains(ids, m[1]) {
				t.Errorf("%s: two steps %s", file, m[1])
			}
			ids = append(ids, m[1])
		}
		if steps := strings.Count(yaml, "\n    name: "); steps != len(ids) {
			t.Errorf("%s: %d steps, %d ids", file, steps, len(ids))
		}
		for _, m := range waitLine.FindAllStringSubmatch(yaml, -1) {
			for id := range strings.SplitSeq(m[1], ", ") {
				if !slices.Contains(ids, id) {
					t.Errorf("%s: a step waits for %s", file, id)
				}
			}
		}
		for _, m := range timeoutLine.FindAllStringSubmatch(yaml, -1) {
			if !regexp.MustCompile(`^[1-9][0-9]{1,4}s$`).MatchString(m[1]) {
				t.Errorf("%s: timeout %s", file, m[1])
			}
		}
		known := []string{"PROJECT_ID", "BUILD_ID"}
		for _, m := range definition.FindAllStringSubmatch(yaml, -1) {
			known = append(known, m[1])
		}
		for _, m := range regexp.MustCompile(`[=,](_[A-Z_]+)=`).FindAllStringSubmatch(substitutions, -1) {
			known = append(known, m[1])
		}
		for _, m := range variable.FindAllStringSubmatch(yaml, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("%s: ${%s} is not defined", file, m[1])
			}
		}
		for _, m := range scriptArg.FindAllStringSubmatch(yaml, -1) {
			if script := read(t, m[1]); m[2] != "" && !strings.Contains(script, "\n  "+m[2]+") ") {
				t.Errorf("%s: %s knows no %s", file, m[1], m[2])
			}
		}
	}
	if order := idLine.FindAllStringSubmatch(read(t, "cloudbuild.yaml"), -1); len(order) != 4 ||
		order[0][1] != "checks" || order[3][1] != "traffic" {
		t.Errorf("steps %v", order)
	}
}

// TestCIHasTheGcloudOfTheTests: both CIs install the version of gcloud that TestCheck expects, with the components that
// deploy.sh and the tests use; Debian's package contains alpha and beta.
func TestCIHasTheGcloudOfTheTests(t *testing.T) {
	action := read(t, ".github/actions/tools/action.yml")
	checks := read(t, "deploy/checks.sh")
	version := regexp.MustCompile(`(?m)^GCLOUD=(\d+\.\d+\.\d+)-0 `).FindStringSubmatch(checks)
	if version == nil || !strings.Contains(action, "\n        version: "+version[1]+" ") ||
		!strings.Contains(read(t, "deploy/gcloud_integration_test.go"),
			`"ok       gcloud `+strings.TrimSuffix(version[1], ".0.0")+`"`) {
		t.Errorf("deploy/checks.sh has gcloud %v; action.yml or TestCheck has another", version)
	}
	for _, component := range []string{"alpha", "beta", "cloud-firestore-emulator", "pubsub-emulator"} {
		if !regexp.MustCompile(`install_components: (\S+,)?` + component + `(,|\n)`).MatchString(action) {
			t.Errorf("action.yml does not install %s", component)
		}
		if strings.HasSuffix(component, "-emulator") &&
			!strings.Contains(checks, "google-cloud-cli-"+strings.TrimPrefix(component, "cloud-")+"=") {
			t.Errorf("deploy/checks.sh does not install the %s", component)
		}
	}
}

// TestExampleReceivesItsMessages: the account that delivers messages to the example function has a role from deploy.sh
// for receiving them, and gets the one for calling the function; the default account has neither in a newer project.
func TestExampleReceivesItsMessages(t *testing.T) {
	text := read(t, "examples/function-go/README.md")
	account := regexp.MustCompile(`functions deploy bucketocr-archive .* --trigger-service-account=(\S+)`).
		FindStringSubmatch(text)
	if account == nil || !strings.HasPrefix(account[1], "bucketocr-trigger@") {
		t.Fatalf("messages are delivered as %v", account)
	}
	grant := regexp.MustCompile(`run services add-iam-policy-binding bucketocr-archive .* --member=serviceAccount:(\S+) ` +
		`--role=roles/run\.invoker`).FindStringSubmatch(text)
	if grant == nil || grant[1] != account[1] {
		t.Errorf("%s may not call the function: %v", account[1], grant)
	}
}

// TestRegionsThatAreShownFitNewProjects: commands in the documentation use regions in which a new project may build.
func TestRegionsThatAreShownFitNewProjects(t *testing.T) {
	allowed := regexp.MustCompile(`(?m)^RESTRICTED_BUILDS=\((.*)\)$`).FindStringSubmatch(read(t, "deploy/settings.sh"))
	if allowed == nil {
		t.Fatal("settings.sh has no RESTRICTED_BUILDS")
	}
	for _, file := range []string{"README.md", "docs/deploy.md", "cloudbuild.yaml"} {
		shown := regexp.MustCompile(`(?m)(?:_REGION: | REGION=)([a-z]+-[a-z]+[0-9])`).FindAllStringSubmatch(read(t,
			file), -1)
		if len(shown) == 0 {
			t.Errorf("%s shows no region", file)
		}
		for _, m := range shown {
			if !slices.Contains(strings.Fields(allowed[1]), m[1]) {
				t.Errorf("%s shows %s", file, m[1])
			}
		}
	}
}
