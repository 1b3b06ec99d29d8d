//go:build integration

package deploytest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestRealGcloud runs deploy.sh with the real gcloud: the first run creates everything with the right bodies and reads
// the sample's text, the second changes nothing, and destroy removes it.
func TestRealGcloud(t *testing.T) {
	need(t, "gcloud", "bash", "curl")
	t.Parallel()
	g := newGoogle(t)
	env := g.env(t)
	firstMinutes(g)
	out := g.mustRun(t, env, "all")
	if len(g.once) > 0 {
		t.Errorf("no command met %v", g.once)
	}
	for _, said := range []string{"FETCH_SOURCE_FAILED", "the last line of the build's log",
		"waiting for new grants to take effect"} {
		if !strings.Contains(out.stderr, said) {
			t.Errorf("why the function's build failed: %q is not in %s", said, out.stderr)
		}
	}
	if !strings.Contains(out.stdout, "\nPATENT \"one\" \\ 2004\n\n| é |\n") {
		t.Errorf("the sample's text was not printed: %q", out.stdout[max(0, len(out.stdout)-300):])
	}
	if strings.Contains(out.stdout+out.stderr, "no-token") {
		t.Error("the token was printed")
	}
	checkBodies(t, g)

	g.changes = nil
	g.mustRun(t, env, "--no-smoke", "all")
	if len(g.changes) > 0 {
		t.Errorf("the second run changed %v", g.changes)
	}

	g.mustRun(t, env, "--no-smoke", "function")
	for refused, want := range map[string]string{
		"GPU_MAX_INSTANCES=2":      "has GPU_MAX_INSTANCES=1 GPU_MAX_NUM_SEQS=32 GPU_TIMEOUT=130 GPU_MIN_INSTANCES=0, ",
		"FIRESTORE_DATABASE=scans": "are in FIRESTORE_DATABASE=(default), not in scans",
	} {
		if out := g.deploy(t, append(env, refused), "function"); out.code != 1 || !strings.Contains(out.stderr, want) {
			t.Errorf("%s: exit %d: %s", refused, out.code, out.stderr)
		}
	}
	if out := g.deploy(t, append(env, "NAME=second", "BUCKET=second"), "all"); out.code != 1 ||
		!strings.Contains(out.stderr, "the installation bucketocr has its documents in ocr_documents") {
		t.Errorf("a second installation: exit %d: %s", out.code, out.stderr)
	}
	if len(g.changes) > 0 {
		t.Errorf("these changed %v", g.changes)
	}

	earlierKey(t, g, env)
	outdated(t, g, env)
	g.mustRun(t, env, "build")
	g.changes = nil
	g.mustRun(t, env, "build")
	if len(g.changes) > 0 {
		t.Errorf("the second build changed %v", g.changes)
	}

	g.changes = nil
	before := g.made()
	g.mustRun(t, env, "--yes", "destroy")
	checkDestroyed(t, g, before)
}

// firstMinutes adds errors that Google's APIs return in the first minutes of a project, in their own form, so that
// deploy.sh must understand the real gcloud's rendering, and a bucket whose policy already has a condition.
func firstMinutes(g *google) {
	g.failing = true
	g.once = map[string]object{
		"/fields/error": failure(409, "ABORTED", "Please retry, underlying data changed"),
		"/fields/lease": failure(409, "ABORTED", "Aborted due to cross-transaction contention."),
		"/indexes":      failure(503, "UNAVAILABLE", "The service is currently unavailable."),
		"/alertPolicies": failure(404, "NOT_FOUND",
			"Cannot find metric(s) that match type = \"logging.googleapis.com/user/bucketocr_past_window\". If a metric was created recently, it could take up to 10 minutes to become available. Please try again soon."),
		"/triggers": failure(400, "FAILED_PRECONDITION",
			"Invalid resource state for \"\": The Cloud Storage service account for your bucket is unable to publish to Cloud Pub/Sub topics in the specified project."),
		"/jobs": failure(404, "NOT_FOUND",
			"Gaia id not found for email bucketocr-sweep@my-project.iam.gserviceaccount.com"),
		"/b/my-scans/iam": failure(400, "INVALID_ARGUMENT",
			"Service account bucketocr-function@my-project.iam.gserviceaccount.com does not exist."),
		"/metrics": failure(429, "RESOURCE_EXHAUSTED",
			"Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute'"),
		"/serviceAccounts": failure(403, "PERMISSION_DENIED",
			"Identity and Access Management (IAM) API has not been used in project 123456789012 before or it is disabled."),
	}
	g.things["/storage/v1/b/"+bucket+"#iam"] = object{"version": 3, "etag": "BwX0",
		"bindings": []any{object{"role": "roles/storage.objectUser",
			"members": []any{"user:a@example.com"}, "condition": object{"title": "theirs", "expression": "true"}}}}
}

// earlierKey checks that a run without OCR_API_KEY_SECRET takes the key of an earlier run from the function.
func earlierKey(t *testing.T, g *google, env []string) {
	t.Helper()
	const path = "/apis/serving.knative.dev/v1/namespaces/" + project + "/services/bucketocr"
	service := g.things[path]
	service["metadata"].(object)["labels"].(object)["bucketocr_input"] = "old"
	container := service["spec"].(object)["template"].(object)["spec"].(object)["containers"].([]any)[0].(object)
	container["env"] = append(container["env"].([]any), object{"name": "OCR_API_KEY",
		"valueFrom": object{"secretKeyRef": object{"name": "ocr-key", "key": "1"}}})
	g.mustRun(t, env, "--no-smoke", "function")
	if text, err := json.Marshal(g.things[path]); err != nil || strings.Contains(string(text), "OCR_API_KEY") ||
		!strings.Contains(string(text), "FIRESTORE_COLLECTION") {
		t.Errorf("%v: the function is %s", err, text)
	}
}

// outdated checks that a metric and a dashboard of an older version are updated, and nothing else is touched.
func outdated(t *testing.T, g *google, env []string) {
	t.Helper()
	g.things["/v2/projects/"+project+"/metrics/bucketocr_pages"]["description"] = "bucketocr: pages; old"
	g.things["/v1/projects/"+project+"/dashboards/bucketocr"]["labels"] = object{"bucketocr_input": "old"}
	g.changes = nil
	g.settle()
	out := run(t, append(slices.Concat(settings, env), "SUBSCRIPTIONS=x"), "bash", "-euc", `
		for file in command settings access metrics alerts dashboard; do . deploy/$file.sh; done
		read_settings function; make_metrics; make_dashboard; make_metrics; make_dashboard`)
	g.settle()
	want := []string{"\nPATCH /v1/projects/my-project/dashboards/bucketocr",
		"\nPUT /v2/projects/my-project/metrics/bucketocr_pages"}
	if got := sorted(g.changes); out.code != 0 || !slices.Equal(got, want) {
		t.Errorf("exit %d, changed %v, want %v\n%s", out.code, got, want, out.stderr)
	}
}
