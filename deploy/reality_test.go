package deploytest

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFirstMinutesOfEverything: a first run succeeds on a platform that propagates everything as late as the real one,
// in a new project of an organisation with policies, with a bucket whose policy has a condition. It creates exactly the
// same as without these, and the second run changes nothing.
func TestFirstMinutesOfEverything(t *testing.T) {
	need(t, "bash")
	t.Parallel()
	env := []string{"BUILD_REGION=europe-west1", "FUNCTION_INGRESS=internal", "GPU_INGRESS=internal"}
	bucket := []string{"storage buckets gs://my-scans\teurope-west4 123456789012",
		"policy of storage buckets gs://my-scans: roles/storage.objectUser user:a@example.com theirs\t"}
	plain := newFake(t)
	plain.given(t, bucket...)
	out, want := plain.command(t, env, "all")
	if out.code != 0 || !strings.Contains(out.stdout, "PATENT") || strings.Contains(out.stderr, "waiting") {
		t.Fatalf("where nothing is late: exit %d: %s", out.code, out.stderr)
	}
	f := newFake(t)
	f.given(t, bucket...)
	env = append(env, "FAKE_REAL=delays new-project policy-locations policy-ingress")
	f.first(t, want, env...)
	if out, again := f.command(t, env, "all"); out.code != 0 || len(again) > 0 {
		t.Errorf("exit %d; the second run changed %v: %s", out.code, again, out.stderr)
	}
	f.destroyed(t, env...)
}

// first deploys for the first time, and checks that it creates exactly want.
func (f fake) first(t *testing.T, want []string, env ...string) outcome {
	t.Helper()
	out, made := f.command(t, env, "all")
	if out.code != 0 || !strings.Contains(out.stdout, "PATENT") {
		t.Fatalf("exit %d: %s", out.code, out.stderr)
	}
	if !slices.Equal(made, want) {
		t.Errorf("made\n%s\nwant\n%s", strings.Join(made, "\n"), strings.Join(want, "\n"))
	}
	return out
}

// errorsOfGoogle are errors as gcloud prints them, with the reason for retrying the command; "" if waiting does not
// help, and then with the advice that the run must print.
var errorsOfGoogle = []struct{ text, reason, advice string }{
	{"INVALID_ARGUMENT: Service account bucketocr-trigger@p.iam.gserviceaccount.com does not exist.", "a new account",
		""},
	{"HTTPError 400: Service account bucketocr-function@p.iam.gserviceaccount.com does not exist.", "a new account",
		""},
	{"NOT_FOUND: Gaia id not found for email bucketocr-sweep@p.iam.gserviceaccount.com", "a new account", ""},
	{"Permission 'iam.serviceaccounts.actAs' denied on service account x@p.iam.gserviceaccount.com (or it may not exist).",
		"a new account", ""},
	{"invalid argument: Access to bucket p_cloudbuild denied. You must grant Storage Object Viewer permission to x",
		"new grants", ""},
	{"x@p.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object.",
		"new grants", ""},
	{"denied: Permission 'artifactregistry.repositories.uploadArtifacts' denied on resource", "new grants", ""},
	{"Permission denied while using the Eventarc Service Agent. If you recently started to use Eventarc",
		"a service's own account", ""},
	{"The Cloud Storage service account for your bucket is unable to publish to Cloud Pub/Sub topics in the specified project.",
		"a service's own account", ""},
	{"Cloud Run API has not been used in project 1 before or it is disabled. Enable it by visiting ... then retry.",
		"an API that was just enabled", ""},
	{"ABORTED: Please retry, underlying data changed", "another change", ""},
	{"Aborted due to cross-transaction contention. This occurs when multiple transactions attempt to access the same data",
		"another change", ""},
	{"too much contention on these documents. please try again.", "another change", ""},
	{"There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
		"another change", ""},
	{"NOT_FOUND: Cannot find metric(s) that match type = \"logging.googleapis.com/user/x\". Please try again soon.",
		"a new metric", ""},
	{"FAILED_PRECONDITION: Database ID '(default)' is not available in project 'p'. Please retry in 120 seconds.",
		"the platform", ""},
	{"UNAVAILABLE: The service is currently unavailable.", "the platform", ""},
	{"HTTPError 429: Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute'",
		"the platform", ""},
	{"Quota exceeded for total allowable count of GPUs per project per region.", "",
		"the quota of the project in this region is too small"},
	{"Quota violated. MemAllocPerProjectRegion requested: 51539607552 allowed: 42949672960", "",
		"the quota of the project in this region is too small"},
	{"FAILED_PRECONDITION: due to quota restrictions, Cloud Build cannot run builds in this region.", "",
		"BUILD_REGION"},
	{"HTTPError 412: 'us' violates constraint 'constraints/gcp.resourceLocations'", "",
		"a policy of your organisation"},
	{"Constraint constraints/run.allowedIngress violated for projects/p attempting to set ingress to all.", "",
		"FUNCTION_INGRESS"},
	{"FAILED_PRECONDITION: Billing account for project '1' is not found. Billing must be enabled: BILLING_DISABLED", "",
		"gcloud billing projects link"},
	{"PERMISSION_DENIED: Permission 'run.services.create' denied on resource 'projects/p/locations/r'", "",
		"--check names the roles"},
	{"PERMISSION_DENIED: The principal lacks IAM permission \"cloudscheduler.jobs.create\" for the resource", "",
		"--check names the roles"},
	{"Service account bucketocr-gpu@p.iam.gserviceaccount.com is used.\nERROR: Image 'x' not found.", "", ""},
	{"INVALID_ARGUMENT: spec.template.spec.containers[0].resources.limits.cpu: Invalid value", "", ""},
}

// TestErrorsThatPassAreWaitedFor: for each known error of Google, whether the command is retried, with which reason,
// and the advice if waiting does not help. Waiting ends after RETRY_FOR.
func TestErrorsThatPassAreWaitedFor(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	bin := t.TempDir()
	for name, text := range map[string]string{"failing": `printf 'ERROR: (gcloud) %s\n' "$TEXT" >&2; exit 1`,
		"sleep": `echo "$1" >>"$SLEPT"`} {
		if err := os.WriteFile(bin+"/"+name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range errorsOfGoogle {
		slept, limit := fmt.Sprintf("%s/slept-%d", bin, i), "RETRY_FOR=20"
		if i == 0 {
			limit = "RETRY_FOR=" // ten minutes by default
		}
		out := run(t, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "TEXT=" + e.text, "SLEPT=" + slept,
			"PROJECT_ID=p", limit},
			"bash", "-euo", "pipefail", "-c", ". deploy/command.sh; change failing")
		total := 0
		text, _ := os.ReadFile(slept) // missing if it was not retried
		for _, word := range strings.Fields(string(text)) {
			n, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		want := 0
		switch {
		case e.reason != "" && i == 0:
			want = 600
		case e.reason != "":
			want = 20
		}
		if out.code != 1 || total != want || !strings.Contains(out.stderr, e.advice) {
			t.Errorf("%s\nexit %d after %d s, want %d: %s", e.text, out.code, total, want, out.stderr)
		}
		if waits := regexp.MustCompile(`waiting for ([^:]*)`).FindStringSubmatch(out.stderr); e.reason != "" &&
			(waits == nil || !strings.HasPrefix(waits[1], e.reason)) {
			t.Errorf("%s\nwaits for %q, want %q", e.text, waits, e.reason)
		}
	}
}

// TestLongFailureIsNotRepeated: a build that failed after twenty minutes is not retried, whatever its log says.
func TestLongFailureIsNotRepeated(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	out := run(t, []string{"PROJECT_ID=p"}, "bash", "-euo", "pipefail", "-c", `. deploy/command.sh
		sleep() { :; }
		build() { echo built >&3; SECONDS=$((SECONDS + 1200)); echo 'UNAVAILABLE: the registry' >&2; return 1; }
		attempt quiet build`)
	if out.code != 1 || out.stdout != "built\n" || !strings.Contains(out.stderr, "waiting for the platform") {
		t.Errorf("exit %d after %q: %s", out.code, out.stdout, out.stderr)
	}
}

// TestLostAnswerOfACreateIsNoFailure: a resource that an earlier try created although its answer was lost counts as
// created.
func TestLostAnswerOfACreateIsNoFailure(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	bin := t.TempDir()
	for name, text := range map[string]string{
		"sleep":  ":",
		"create": `if [ -f "$0.done" ]; then echo 'ALREADY_EXISTS: x' >&2; else touch "$0.done"; echo 'UNAVAILABLE: lost' >&2; fi; exit 1`,
	} {
		if err := os.WriteFile(bin+"/"+name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "PROJECT_ID=p"}
	if out := run(t, env, "bash", "-euo", "pipefail", "-c", ". deploy/command.sh; change create"); out.code != 0 {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
	if out := run(t, env, "bash", "-euo", "pipefail", "-c", ". deploy/command.sh; change create"); out.code != 1 {
		t.Errorf("made by another: exit %d: %s", out.code, out.stderr)
	}
	// an account's name is ours, and a list without it proves nothing yet
	if out := run(t, env, "bash", "-euo", "pipefail", "-c",
		". deploy/command.sh; MAY_EXIST=yes change create"); out.code != 0 {
		t.Errorf("as good as made: exit %d: %s", out.code, out.stderr)
	}
}

// TestProjectsThatAreNotEmpty: existing resources are used if possible, and otherwise refused with advice.
func TestProjectsThatAreNotEmpty(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	for _, tt := range []struct {
		name  string
		given []string
		env   []string
		code  int
		want  string // in what is printed
	}{
		{"a bucket whose policy has a condition", []string{"storage buckets gs://my-scans\tus 123456789012",
			"policy of storage buckets gs://my-scans: roles/storage.objectUser user:a@example.com theirs"}, nil, 0,
			"bindings"},
		{"a service, a project and an account with conditions", []string{
			"policy of run services bucketocr: roles/run.invoker user:a@example.com theirs",
			"policy of run services bucketocr-gpu: roles/run.invoker user:a@example.com theirs",
			"policy of projects my-project: roles/viewer user:a@example.com theirs"}, nil, 0, ""},
		{"a database in Datastore mode", []string{"firestore databases (default)\tDATASTORE_MODE"}, nil, 1,
			"is of type DATASTORE_MODE (Datastore mode)"},
		{"another database beside it", []string{"firestore databases (default)\tDATASTORE_MODE"},
			[]string{"FIRESTORE_DATABASE=scans"}, 0,
			`'--condition=expression=resource.name=="projects/my-project/databases/scans",title=bucketocr-scans'`},
		{"a role that is missing", nil, []string{"FAKE_REAL=no-permission"}, 1,
			"deploy.sh: you lack a role, or the resource belongs to another project. ./deploy.sh --check names the roles"},
		{"a bucket of another project", nil, []string{"FAKE_REAL=foreign-bucket"}, 1,
			"gs://my-scans belongs to another project, or you may not read it: choose another BUCKET"},
		{"a repository of another format", []string{"artifacts repositories bucketocr\tNPM:team"}, nil, 1,
			"has format NPM: install under another NAME"},
		{"a database of another edition", []string{"firestore databases (default)\tFIRESTORE_NATIVE ENTERPRISE"}, nil,
			1, "is of the Enterprise edition, which has different indexes"},
		{"a new project's quotas, held against three instances", nil,
			[]string{"FAKE_REAL=new-project threefold", "BUILD_REGION=europe-west1"}, 1,
			"the quota of the project in this region is too small"},
		{"a new project's quotas, defaults", nil, []string{"FAKE_REAL=new-project", "BUILD_REGION=europe-west1"}, 0,
			""},
		{"a new project that may not build here", nil, []string{"FAKE_REAL=new-project"}, 1,
			"from us-central1 us-west2 europe-west1"},
		{"an organisation that keeps to its region", nil, []string{"FAKE_REAL=policy-locations"}, 0,
			"--region=europe-west4 --default-buckets-behavior=regional-user-owned-bucket"},
		{"an organisation that forbids ingress from everywhere", nil, []string{"FAKE_REAL=policy-ingress"}, 1,
			"ingress by FUNCTION_INGRESS and GPU_INGRESS"},
		{"ingress from inside", nil,
			[]string{"FAKE_REAL=policy-ingress", "FUNCTION_INGRESS=internal", "GPU_INGRESS=internal"}, 0,
			"--ingress=internal "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.given(t, tt.given...)
			out, _ := f.run(t, tt.env...)
			if out.code != tt.code || tt.want != "bindings" && !strings.Contains(out.stdout+out.stderr, tt.want) {
				t.Errorf("exit %d: %s", out.code, out.stderr)
			}
			if strings.Contains(out.stderr, "retrying in") {
				t.Errorf("it waits for what does not pass: %s", out.stderr)
			}
		})
	}
}

// TestFirstMinutesWithoutAGPU: with an existing OCR service the function's build is the first, seconds after its
// account was created; its failure is explained and retried, too.
func TestFirstMinutesWithoutAGPU(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	const url = "OCR_URL=https://ocr.example.com"
	_, want := newFake(t).command(t, []string{url}, "all")
	f := newFake(t)
	out := f.first(t, want, url, "FAKE_REAL=delays")
	for _, said := range []string{"failed to fetch the source", "waiting for new grants to take effect"} {
		if !strings.Contains(out.stderr, said) {
			t.Errorf("%q is not in %s", said, out.stderr)
		}
	}
}

// TestAnotherBucketIsRefusedFirst: an installation cannot move to another bucket, and a run that tries fails before it
// creates anything.
func TestAnotherBucketIsRefusedFirst(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	if out, _ := f.run(t); out.code != 0 {
		t.Fatal(out.stderr)
	}
	out, changed := f.run(t, "BUCKET=others")
	if out.code != 1 || len(changed) > 0 ||
		!strings.Contains(out.stderr, "watches another bucket than gs://others: set BUCKET as before") {
		t.Errorf("exit %d, changed %v: %s", out.code, changed, out.stderr)
	}
}

// TestSecondInstallation: it is refused, before anything is created, as long as it would share the documents of the
// first one, whose sweep would process its records.
func TestSecondInstallation(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	const url = "OCR_URL=https://ocr.example.com"
	if out, _ := f.run(t, url); out.code != 0 {
		t.Fatal(out.stderr)
	}
	second := []string{url, "BUCKET=others", "REGION=us-central1", "NAME=second"}
	for _, command := range []string{"all", "function"} {
		out, changed := f.command(t, second, "--no-smoke", command)
		if out.code != 1 || len(changed) > 0 || !strings.Contains(out.stderr,
			"the installation bucketocr has its documents in ocr_documents of the database (default), too: install a second one with another NAME") {
			t.Errorf("exit %d, changed %v: %s", out.code, changed, out.stderr)
		}
	}
	for _, own := range [][]string{{"FIRESTORE_COLLECTION=others"}, {"FIRESTORE_DATABASE=others", "NAME=third"}} {
		if out, _ := f.run(t, slices.Concat(second, own)...); out.code != 0 {
			t.Errorf("%v: exit %d: %s", own, out.code, out.stderr)
		}
	}
	// the first one, and one that was installed before this was refused, can still be deployed
	f.given(t, "run services fourth\tx|x|FIRESTORE_DATABASE=(default)##FIRESTORE_COLLECTION=ocr_documents|")
	if out, _ := f.run(t, url); out.code != 0 {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
}

// TestOtherDocumentsAreRefusedFirst: an installation does not move to another database or collection, which would be
// empty: a run that would move it, because a setting changed or is no longer set, fails before it creates anything.
func TestOtherDocumentsAreRefusedFirst(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	const database, collection = "FIRESTORE_DATABASE=scans", "FIRESTORE_COLLECTION=pages"
	if out, _ := f.run(t, database, collection); out.code != 0 {
		t.Fatal(out.stderr)
	}
	for _, tt := range []struct {
		env  []string
		want string
	}{
		{[]string{collection}, "are in FIRESTORE_DATABASE=scans, not in (default): set FIRESTORE_DATABASE as before"},
		{[]string{database}, "are in FIRESTORE_COLLECTION=pages, not in ocr_documents"},
	} {
		for _, command := range []string{"all", "function"} {
			out, changed := f.command(t, tt.env, "--no-smoke", command)
			if out.code != 1 || len(changed) > 0 || !strings.Contains(out.stderr, tt.want) {
				t.Errorf("%s with %v: exit %d, changed %v: %s", command, tt.env, out.code, changed, out.stderr)
			}
		}
	}
	if out, changed := f.run(t, database, collection); out.code != 0 || len(changed) > 0 {
		t.Errorf("as before: exit %d, changed %v: %s", out.code, changed, out.stderr)
	}
}

// TestStopAndStartAgain: the commands with which docs/operations.md stops an installation take the right to call the
// function from every account that has it, and the next deploy grants it again.
func TestStopAndStartAgain(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	if out, _ := f.run(t); out.code != 0 {
		t.Fatal(out.stderr)
	}
	callers := func() (all []string) {
		for key := range f.things(t) {
			if strings.HasPrefix(key, "policy of run services bucketocr: roles/run.invoker ") {
				all = append(all, key)
			}
		}
		slices.Sort(all)
		return all
	}
	before := callers()
	env := []string{"PATH=" + f.bin + ":" + os.Getenv("PATH"), "FAKE_STATE=" + f.state, "PROJECT_ID=" + project,
		"REGION=" + region}
	for line := range strings.Lines(read(t, "docs/operations.md")) {
		if strings.HasPrefix(line, "gcloud run services remove-iam-policy-binding ") {
			if out := run(t, env, "bash", "-c", line); out.code != 0 {
				t.Fatalf("%s: %s", line, out.stderr)
			}
		}
	}
	if left := callers(); len(left) > 0 || len(before) != 2 {
		t.Errorf("%v may call the function, of %v", left, before)
	}
	if out, _ := f.command(t, nil, "--no-smoke", "function"); out.code != 0 || !slices.Equal(callers(), before) {
		t.Errorf("exit %d, %v may call the function again, of %v: %s", out.code, callers(), before, out.stderr)
	}
}

// TestFunctionDoesNotChangeTheOCRService: `function` refuses limits of the OCR service that it would only report; `all`
// applies them.
func TestFunctionDoesNotChangeTheOCRService(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	if out, _ := f.run(t); out.code != 0 {
		t.Fatal(out.stderr)
	}
	const has = "bucketocr-gpu has GPU_MAX_INSTANCES=1 GPU_MAX_NUM_SEQS=32 GPU_TIMEOUT=130 GPU_MIN_INSTANCES=0, "
	more := []string{"GPU_MAX_INSTANCES=3", "FUNCTION_MAX_INSTANCES=12"}
	for _, env := range [][]string{more, {"GPU_MAX_NUM_SEQS=64"}, {"OCR_TIMEOUT=300s"}, {"GPU_MIN_INSTANCES=1"}} {
		out, changed := f.command(t, env, "--no-smoke", "function")
		if out.code != 1 || len(changed) > 0 || !strings.Contains(out.stderr, has) ||
			!strings.Contains(out.stderr, "set what it has, or run ./deploy.sh all") {
			t.Errorf("%v: exit %d, changed %v: %s", env, out.code, changed, out.stderr)
		}
	}
	model := "OCR_MODEL=lightonai/LightOnOCR-3-1B"
	for _, tt := range []struct {
		env  []string
		want string
	}{
		{[]string{model}, "the image of bucketocr-gpu has another model than " + model},
		{[]string{"MODEL_REVISION=" + strings.Repeat("c", 40)},
			"the image of bucketocr-gpu has MODEL_REVISION=" + strings.Repeat("b", 40)},
	} {
		out, changed := f.command(t, tt.env, "--no-smoke", "function")
		if out.code != 1 || len(changed) > 0 || !strings.Contains(out.stderr, tt.want) {
			t.Errorf("%v: exit %d, changed %v: %s", tt.env, out.code, changed, out.stderr)
		}
	}
	for _, env := range [][]string{{"MODEL_REVISION="}, {model, "GPU_IMAGE=example.com/ocr:1"}} {
		if out, _ := f.command(t, env, "--no-smoke", "function"); out.code != 0 {
			t.Errorf("%v: exit %d: %s", env, out.code, out.stderr)
		}
	}
	for _, command := range []string{"all", "function"} {
		if out, _ := f.command(t, more, "--no-smoke", command); out.code != 0 {
			t.Errorf("%s: exit %d: %s", command, out.code, out.stderr)
		}
	}
	// one who forgets them is told, instead of a function for fewer GPUs
	if out, changed := f.command(t, nil, "--no-smoke", "function"); out.code != 1 || len(changed) > 0 {
		t.Errorf("exit %d, changed %v: %s", out.code, changed, out.stderr)
	}
}

// TestAccountsThatNoListHasYet: a run, or a destroy, seconds after a run that was cut short just after creating an
// account.
func TestAccountsThatNoListHasYet(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	const late = "FAKE_REAL=late-lists"
	for _, command := range []string{"all", "destroy"} {
		f := newFake(t)
		if _, made := f.run(t, late, "FAKE_CUT=2"); len(made) != 2 ||
			made[1] != "iam service-accounts bucketocr-function\t" {
			t.Fatalf("made %q", made)
		}
		if command == "destroy" {
			f.destroyed(t, late)
		} else if out, _ := f.run(t, late); out.code != 0 {
			t.Errorf("exit %d: %s", out.code, out.stderr)
		}
	}
}

// TestWhatNoEventNeedsKeepsNothingElseBack: if the alerts cannot be created, the dashboard and the summary still are,
// and the run says what is missing.
func TestWhatNoEventNeedsKeepsNothingElseBack(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	out, made := newFake(t).command(t, []string{"FAKE_REAL=no-alpha"}, "all")
	if out.code != 1 || !strings.Contains(out.stderr, "run the same command again for: the alerts; ") ||
		!strings.Contains(out.stderr, "Drop a file:") {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
	if !slices.ContainsFunc(made, func(c string) bool { return strings.HasPrefix(c, "dashboard ") }) {
		t.Error("no dashboard was made")
	}
}

// TestMissingProgramsAreSaidFirst: a program that a run would miss half-way is reported at its start.
func TestMissingProgramsAreSaidFirst(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	fake := newFake(t)
	for _, missing := range []string{"gcloud", "curl"} {
		path := tools(t)
		if missing == "curl" {
			bin := t.TempDir()
			if err := os.Symlink(fake.bin+"/gcloud", bin+"/gcloud"); err != nil {
				t.Fatal(err)
			}
			path += ":" + bin
		}
		for _, command := range []string{"all", "destroy", "--check"} {
			out := deploy(t, []string{"PATH=" + path, "FAKE_STATE=" + fake.state}, "--yes", command)
			want := "deploy.sh: " + missing + " is missing: "
			if command == "--check" {
				want = "MISSING  " + missing
			}
			if out.code != 1 || out.stdout != "" || !strings.Contains(out.stderr, want) ||
				strings.Contains(out.stderr, "command not found") {
				t.Errorf("%s without %s: exit %d %s: %s", command, missing, out.code, out.stdout, out.stderr)
			}
		}
	}
}

// TestNoEventForTheSample: a trigger that never works does not prevent the rest of a deploy; the run reports it.
func TestNoEventForTheSample(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	out, made := f.command(t, []string{"FAKE_REAL=deaf", "SMOKE_WAIT=320"}, "all")
	if out.code != 1 || !strings.Contains(out.stderr, "run the same command again for: the smoke test; ") ||
		!strings.Contains(out.stderr, "not done after 320 s") {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
	if !slices.ContainsFunc(made, func(c string) bool { return strings.HasPrefix(c, "dashboard ") }) {
		t.Error("no dashboard was made")
	}
	if n := strings.Count(out.stdout, "gcloud storage cp "); n != 3 {
		t.Errorf("uploaded %d times", n)
	}
}

// TestProjectAndRegionAreEnough: with only the project and the region everything is created; the bucket is named after
// the project, the weights are the newest, which is printed and recorded, and a later run, when there are newer ones,
// keeps them.
func TestProjectAndRegionAreEnough(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	bare := []string{"BUCKET=", "VLLM_DIGEST=", "MODEL_REVISION="}
	out, made := f.command(t, bare, "all")
	revision := regexp.MustCompile(`weights: lightonai/LightOnOCR-2-1B at commit ([0-9a-f]{40})`).FindStringSubmatch(
		out.stderr)
	if out.code != 0 || revision == nil {
		t.Fatalf("exit %d: %s", out.code, out.stderr)
	}
	for _, want := range []string{"_MODEL_REVISION=" + revision[1],
		"_VLLM_DIGEST=sha256:8a69ffad015f138d7170c4ddc429e230a3bc1c1719f67e14324749df200a4b90",
		"gs://my-project-scans ", "bucketocr_revision=" + revision[1], "--cpu=4 --memory=16Gi"} {
		if !strings.Contains(out.stdout, want) {
			t.Errorf("%q is not in %s", want, out.stdout)
		}
	}
	if len(made) < 45 {
		t.Errorf("only %v", made)
	}
	for _, again := range [][]string{bare, append(bare, "FAKE_REAL=hub-down")} {
		if out, changed := f.command(t, again, "--no-smoke", "all"); out.code != 0 || len(changed) > 0 ||
			!strings.Contains(out.stderr, revision[1]) {
			t.Errorf("exit %d, changed %v: %s", out.code, changed, out.stderr)
		}
	}
	pinned := strings.Repeat("c", 40)
	if out, _ := f.command(t, append(bare, "MODEL_REVISION="+pinned), "gpu"); out.code != 0 ||
		!strings.Contains(out.stdout, "_MODEL_REVISION="+pinned) {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
	if out, _ := newFake(t).command(t, append(bare, "FAKE_REAL=hub-down"), "gpu"); out.code != 1 ||
		!strings.Contains(out.stderr, "set MODEL_REVISION") {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
}

// TestNoGPUOfYourOwn: besides the project and the region only OCR_URL is needed, and a key's secret if the server
// requires one; nothing with a GPU is created, and the function sends no ID token to a server outside Cloud Run.
func TestNoGPUOfYourOwn(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	for _, tt := range []struct {
		name, url string
		env       []string
		want      []string
		not       string
	}{
		{"hosted, with a key", "https://api.example.com/v1", []string{"OCR_API_KEY_SECRET=ocr-key:2"},
			[]string{"OCR_URL=https://api.example.com/v1##", "OCR_AUTH=none##", "--set-secrets=OCR_API_KEY=ocr-key:2",
				"gcloud secrets add-iam-policy-binding ocr-key "}, ""},
		{"a llama-server without one", "http://10.0.0.5:8080", nil,
			[]string{"OCR_URL=http://10.0.0.5:8080##", "OCR_AUTH=none##"}, "--set-secrets"},
		{"behind a gateway with an alias", "https://gateway.example.com",
			[]string{"OCR_MODEL=ocr", "OCR_PROFILE=lightonocr-2"},
			[]string{"OCR_MODEL=ocr##", "OCR_PROFILE=lightonocr-2##", "OCR_AUTH=none##"}, ""},
		{"on Cloud Run", "https://ocr-123.europe-west1.run.app", nil,
			[]string{"OCR_URL=https://ocr-123.europe-west1.run.app##"}, "OCR_AUTH"},
		{"a name that only looks like it", "https://run.app.example.com", nil, []string{"OCR_AUTH=none##"}, ""},
		{"as it was said", "https://api.example.com", []string{"OCR_AUTH=oidc"}, []string{"OCR_AUTH=oidc##"},
			"OCR_AUTH=none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			out, made := f.command(t,
				append([]string{"BUCKET=", "VLLM_DIGEST=", "MODEL_REVISION=", "OCR_URL=" + tt.url}, tt.env...), "all")
			if out.code != 0 {
				t.Fatalf("exit %d: %s", out.code, out.stderr)
			}
			text := strings.ReplaceAll(out.stdout, "' --", "## --")
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in %s", want, out.stdout)
				}
			}
			if tt.not != "" && strings.Contains(out.stdout, tt.not) {
				t.Errorf("%q is in %s", tt.not, out.stdout)
			}
			for _, change := range made {
				if strings.Contains(change, "gpu") || strings.HasPrefix(change, "image") ||
					strings.HasPrefix(change, "artifacts") {
					t.Errorf("made %s", change)
				}
			}
		})
	}
}

// TestWhatSpreadsSlowlyComesFirst: accounts with their roles, the platform's own accounts and metrics are created
// before slow steps, alerts after the smoke test, and old images of the OCR service are cleaned up.
func TestWhatSpreadsSlowlyComesFirst(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	out, made := f.command(t, nil, "all")
	if out.code != 0 {
		t.Fatal(out.stderr)
	}
	at := func(prefix string, last bool) int {
		first, end := -1, -1
		for i, change := range made {
			if strings.HasPrefix(change, prefix) {
				if end = i; first < 0 {
					first = i
				}
			}
		}
		if first < 0 {
			t.Fatalf("nothing was made that begins with %q", prefix)
		}
		if last {
			return end
		}
		return first
	}
	for _, pair := range [][2]string{
		{"iam service-accounts", "agent"}, {"policy of projects my-project: roles/run.builder", "agent"},
		{"agent", "storage buckets"},
		{"storage buckets", "firestore databases"}, {"composite", "logging metrics"},
		{"logging metrics", "artifacts repositories"},
		{"cleanup bucketocr", "image"}, {"image", "run services"}, {"run services", "eventarc triggers"},
		{"scheduler jobs", "alert "},
	} {
		if at(pair[0], true) > at(pair[1], false) {
			t.Errorf("the last %q comes after the first %q", pair[0], pair[1])
		}
	}
	if sample, alerts := strings.Index(out.stdout, "gcloud storage cp"),
		strings.Index(out.stdout, "policies create"); sample > alerts || sample < 0 {
		t.Error("the alerts come before the smoke test")
	}
}

// TestSummary: the end of a deploy says where to drop a file, where to look, what an idle month costs and how to remove
// the installation.
func TestSummary(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	out, _ := newFake(t).command(t, []string{"GPU_MIN_INSTANCES=1"}, "all")
	for _, want := range []string{
		"gcloud storage cp FILE gs://my-scans/",
		" GOOGLE_CLOUD_PROJECT=my-project go run ./cmd/bucketocr show gs://my-scans/FILE --text",
		"https://bucketocr-1.example.run.app",
		"https://bucketocr-gpu-1.example.run.app", "dashboards/builder/bucketocr?project=my-project",
		"firestore/databases/-default-/data/panel/ocr_documents",
		"2678400 s of the OCR service", "(price: gpuSecond in deploy/figures.json, not filled in)", "8928 sweeps",
		"./deploy.sh destroy", " 2 job(s) of",
		" 31 document reads, for each object in my-scans uploaded since the first deployment, by the nightly reconciliation (price: ",
	} {
		if !strings.Contains(out.stderr, want) {
			t.Errorf("%q is not in %s", want, out.stderr)
		}
	}
	if !strings.Contains(out.stderr, "Alerts          notify no one: set NOTIFICATION_CHANNELS") {
		t.Errorf("it does not say that alerts notify no one: %s", out.stderr)
	}
	const channel = "projects/my-project/notificationChannels/1"
	out, _ = newFake(t).command(t, []string{"OCR_URL=https://api.example.com", "NOTIFICATION_CHANNELS=" + channel},
		"--no-smoke", "all")
	if out.code != 0 || strings.Contains(out.stderr, "gpuSecond") || strings.Contains(out.stderr, "Not needed") {
		t.Errorf("a GPU that was not made is in the sum: %s", out.stderr)
	}
	if !strings.Contains(out.stderr, "Alerts          "+channel+"\n") {
		t.Errorf("it does not say whom alerts notify: %s", out.stderr)
	}
}

// TestSummaryWithoutReconciliation: where there is none, its reads and its job are not in the sum.
func TestSummaryWithoutReconciliation(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	out, _ := newFake(t).run(t, "OCR_URL=https://api.example.com", "RECONCILE_BUCKETS=none")
	if out.code != 0 || strings.Contains(out.stderr, "nightly") || !strings.Contains(out.stderr, " 1 job(s) of") {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
}

// TestOCRServiceThatIsNotNeeded: after a change to a server of one's own, the summary names our OCR service, which goes
// on costing what its minimum of instances costs, and the command that deletes it.
func TestOCRServiceThatIsNotNeeded(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	if out, _ := f.run(t, "GPU_MIN_INSTANCES=1"); out.code != 0 {
		t.Fatal(out.stderr)
	}
	for _, command := range []string{"all", "function"} {
		out, _ := f.command(t, []string{"OCR_URL=https://ocr.example.com"}, "--no-smoke", command)
		for _, want := range []string{
			"OCR service     https://ocr.example.com\nNot needed      bucketocr-gpu: an earlier run made it, with GPU_MIN_INSTANCES=1",
			" gcloud run services delete bucketocr-gpu --project=my-project --region=europe-west4\n",
			"2678400 s of the OCR service bucketocr-gpu",
		} {
			if out.code != 0 || !strings.Contains(out.stderr, want) {
				t.Errorf("exit %d, %q is not in %s", out.code, want, out.stderr)
			}
		}
	}
}

// TestBuildNeedsTheFunction: the account of cloudbuild.yaml is created after the function.
func TestBuildNeedsTheFunction(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	if out, _ := f.command(t, nil, "build"); out.code != 1 ||
		!strings.Contains(out.stderr, "run ./deploy.sh function first") {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
	if out, _ := f.run(t); out.code != 0 {
		t.Fatal(out.stderr)
	}
	if out, _ := f.command(t, nil, "build"); out.code != 0 {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
	if out, changed := f.command(t, nil, "build"); out.code != 0 || len(changed) > 0 {
		t.Errorf("exit %d, changed %v: %s", out.code, changed, out.stderr)
	}
}

// TestFunctionNeedsTheOCRService: without one the run fails before it creates anything for the function.
func TestFunctionNeedsTheOCRService(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	out, made := f.command(t, nil, "function")
	if out.code != 1 || !strings.Contains(out.stderr, "run ./deploy.sh gpu first, or set OCR_URL") || len(made) != 1 {
		t.Errorf("exit %d, made %v: %s", out.code, made, out.stderr)
	}
	for _, command := range []string{"gpu", "function"} {
		if out, _ := f.command(t, nil, "--no-smoke", command); out.code != 0 {
			t.Errorf("%s: exit %d: %s", command, out.code, out.stderr)
		}
	}
	if out, changed := f.run(t); out.code != 0 || len(changed) > 0 {
		t.Errorf("exit %d; gpu and function are not all: %v: %s", out.code, changed, out.stderr)
	}
}
