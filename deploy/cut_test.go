package deploytest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fake is a gcloud that records commands in a file; see fakegcloud. Its time is simulated.
type fake struct {
	bin   string // folder of the program
	state string
}

func newFake(t *testing.T) fake {
	t.Helper()
	bin, err := fakeGcloud()
	if err != nil {
		t.Fatal(err)
	}
	return fake{bin: bin, state: filepath.Join(t.TempDir(), "state")}
}

// run runs deploy.sh all, without its smoke test, and returns the outcome and the changes of this run, in order.
func (f fake) run(t *testing.T, env ...string) (outcome, []string) {
	t.Helper()
	return f.command(t, env, "--no-smoke", "all")
}

// command runs deploy.sh with the fake on PATH.
func (f fake) command(t *testing.T, env []string, args ...string) (outcome, []string) {
	t.Helper()
	before := f.lines(t)
	if err := os.WriteFile(f.state, []byte(strings.Join(append(before, "run\t\n"), "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	out := deploy(t, append([]string{"PATH=" + f.bin + ":" + os.Getenv("PATH"), "FAKE_STATE=" + f.state}, env...),
		args...)
	return out, f.lines(t)[len(before)+1:]
}

// given adds resources that existed before the first run.
func (f fake) given(t *testing.T, lines ...string) {
	t.Helper()
	if err := os.WriteFile(f.state, []byte(strings.Join(append(f.lines(t), lines...), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f fake) lines(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile(f.state)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(raw), "\n"), func(l string) bool { return l == "" })
}

// TestExistingBucket: an existing bucket keeps its location, which the trigger uses; one of another project is refused.
func TestExistingBucket(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	f.given(t, "storage buckets gs://my-scans\tus 123456789012")
	out, _ := f.run(t)
	if out.code != 0 || !strings.Contains(out.stdout,
		"triggers create bucketocr-finalized --project=my-project --location=us ") ||
		strings.Contains(out.stdout, "buckets create") ||
		!strings.Contains(out.stdout, "--destination-run-region=europe-west4") {
		t.Errorf("exit %d: %s", out.code, out.stdout)
	}

	f = newFake(t)
	f.given(t, "storage buckets gs://my-scans\tus 999")
	if out, _ := f.run(t); out.code != 1 || !strings.Contains(out.stderr, "belongs to project 999") ||
		strings.Contains(out.stdout, "triggers") {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
}

// TestOtherSettings: a run with other settings changes only what they affect, and adds and removes the triggers for
// erasing.
func TestOtherSettings(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	if out, _ := f.run(t); out.code != 0 {
		t.Fatal(out.stderr)
	}
	for _, tt := range []struct{ env, want string }{
		{"GPU_MIN_INSTANCES=1", "run services bucketocr-gpu"},
		{"LOG_LEVEL=debug", "run services bucketocr run services bucketocr-gpu"},
		{"LOG_LEVEL=debug", ""},
	} {
		out, changed := f.run(t, tt.env)
		var keys []string
		for _, c := range changed {
			key, _, _ := strings.Cut(c, "\t")
			keys = append(keys, key)
		}
		slices.Sort(keys)
		if out.code != 0 || strings.Join(keys, " ") != tt.want {
			t.Errorf("%s: exit %d, changed %v, want %s", tt.env, out.code, keys, tt.want)
		}
	}
	if out, _ := f.run(t, "ON_DELETE=erase"); out.code != 0 ||
		!strings.Contains(out.stdout, "triggers create bucketocr-deleted ") {
		t.Errorf("exit %d: %s", out.code, out.stdout)
	}
	if out, _ := f.run(t); out.code != 0 || !strings.Contains(out.stdout, "triggers delete bucketocr-deleted ") {
		t.Errorf("exit %d: %s %s", out.code, out.stdout, out.stderr)
	}
	const topic = "projects/my-project/topics/ended"
	out, _ := f.run(t, "NOTIFY_TOPIC=ended")
	for _, want := range []string{"topics create " + topic + " ", "topics add-iam-policy-binding " + topic + " ",
		"--member=serviceAccount:bucketocr-function@my-project.iam.gserviceaccount.com --role=roles/pubsub.publisher ",
		"##NOTIFY_TOPIC=" + topic} {
		if out.code != 0 || !strings.Contains(out.stdout, want) {
			t.Errorf("exit %d, no %s: %s %s", out.code, want, out.stdout, out.stderr)
		}
	}
	if out, changed := f.run(t, "NOTIFY_TOPIC="+topic); out.code != 0 || len(changed) > 0 {
		t.Errorf("exit %d, the second run changed %v: %s", out.code, changed, out.stderr)
	}
	if out, _ := f.run(t, "RECONCILE_BUCKETS=none"); out.code != 0 ||
		!strings.Contains(out.stdout, "scheduler jobs delete bucketocr-reconcile ") ||
		strings.Contains(out.stdout, "##RECONCILE_BUCKETS") {
		t.Errorf("exit %d: %s %s", out.code, out.stdout, out.stderr)
	}
	// Only later objects are reconciled; earlier ones are left to a backfill.
	if out, _ := f.run(t); out.code != 0 ||
		!regexp.MustCompile(`scheduler jobs create http bucketocr-reconcile .*,ce-since=20`).MatchString(out.stdout) {
		t.Errorf("exit %d: %s %s", out.code, out.stdout, out.stderr)
	}
	if out, changed := f.run(t); out.code != 0 || len(changed) > 0 {
		t.Errorf("exit %d, the run after changed %v: %s", out.code, changed, out.stderr)
	}
	if out, _ := f.run(t, "REGION=us-central1"); !strings.Contains(out.stdout, "triggers update bucketocr-finalized ") {
		t.Errorf("exit %d: %s %s", out.code, out.stdout, out.stderr)
	}
}

// TestSubscriptionsKeepEventsForAWeek: Eventarc's subscriptions get the ack deadline, the retention and no expiration,
// once, even if an earlier deploy set only some of these; if they do not take effect, the run fails.
func TestSubscriptionsKeepEventsForAWeek(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	const update = "subscriptions update projects/my-project/subscriptions/eventarc-bucketocr-finalized --project=my-project " +
		"--ack-deadline=600 --message-retention-duration=604800s --expiration-period=never "
	for _, tt := range []struct {
		name, before string
		updates      int
	}{
		{"a new subscription", "", 1},
		{"one that has all", "", 0},
		{"one of an early deploy",
			"times projects/my-project/subscriptions/eventarc-bucketocr-finalized\t600 86400s 2678400s", 1},
		{"one that would end",
			"times projects/my-project/subscriptions/eventarc-bucketocr-finalized\t600 604800s 2678400s", 1},
	} {
		if tt.before != "" {
			f.given(t, tt.before)
		}
		if out, _ := f.run(t); out.code != 0 || strings.Count(out.stdout, update) != tt.updates {
			t.Errorf("%s: exit %d, not updated %d times: %s %s", tt.name, out.code, tt.updates, out.stdout, out.stderr)
		}
	}
	if out, _ := newFake(t).run(t, "FAKE_REAL=stubborn"); out.code != 1 ||
		!strings.Contains(out.stderr, "are '10 86400s 2678400s' after they were set to '600 604800s never'") {
		t.Errorf("a subscription that keeps its own times: exit %d: %s", out.code, out.stderr)
	}
}

// TestKeyOfAnEarlierServer: a run without OCR_API_KEY_SECRET takes the key of an earlier run from the function, which
// would send it to the next OCR_URL.
func TestKeyOfAnEarlierServer(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	for _, tt := range []struct{ url, secret, want string }{
		{"https://one.example.com", "ocr-key:3", "OCR_API_KEY=ocr-key:3"},
		{"https://one.example.com", "ocr-key:4", "OCR_API_KEY=ocr-key:4"},
		{"https://two.example.com", "", ""},
	} {
		out, _ := f.run(t, "OCR_URL="+tt.url, "OCR_API_KEY_SECRET="+tt.secret)
		service := f.things(t)["run services bucketocr"]
		if has := service[strings.LastIndex(service, "|")+1:]; out.code != 0 || has != tt.want {
			t.Errorf("%s with %q: exit %d, it has %q, want %q: %s", tt.url, tt.secret, out.code, has, tt.want,
				out.stderr)
		}
	}
}
