//go:build integration

package deploytest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// find returns the one resource whose path has this end, as JSON and as an object.
func (g *google) find(t *testing.T, suffix string) (string, object) {
	t.Helper()
	for path, thing := range g.made() {
		if strings.HasSuffix(path, suffix) {
			text, err := json.Marshal(thing)
			if err != nil {
				t.Fatal(err)
			}
			return strings.NewReplacer(`\u003e`, ">", `\u003c`, "<", `\u0026`, "&").Replace(string(text)), thing
		}
	}
	t.Errorf("there is no %s", suffix)
	return "", nil
}

const agent = "service-" + number + "@gs-project-accounts.iam.gserviceaccount.com"

// checkBodies compares the requests to the stand-in with what the system needs.
func checkBodies(t *testing.T, g *google) {
	t.Helper()
	for _, want := range []struct {
		suffix string
		parts  []string
	}{
		{"/services/bucketocr-gpu", []string{
			`"nvidia.com/gpu":"1"`, `"cpu":"4"`, `"memory":"16Gi"`, `"run.googleapis.com/accelerator":"nvidia-l4"`,
			`"containerConcurrency":32`, `"timeoutSeconds":130`, `"autoscaling.knative.dev/maxScale":"1"`,
			`"run.googleapis.com/gpu-zonal-redundancy-disabled":"True"`, `"run.googleapis.com/cpu-throttling":"False"`,
			`"path":"/health"`, `"periodSeconds":5`, `"failureThreshold":240`, `"run.googleapis.com/ingress":"all"`,
			`"serviceAccountName":"bucketocr-gpu` + tail + `"`, `"containerPort":8000`,
		}},
		{"/services/bucketocr", []string{
			`"containerConcurrency":8`, `"timeoutSeconds":540`, `"autoscaling.knative.dev/maxScale":"4"`,
			`"memory":"2Gi"`,
			`"name":"CLOUD_RUN_TIMEOUT_SECONDS","value":"540"`, `"name":"GOOGLE_CLOUD_PROJECT","value":"my-project"`,
			`"name":"OCR_URL","value":"https://bucketocr-gpu-123456789012.europe-west4.run.app"`,
			`"name":"RECONCILE_BUCKETS","value":"my-scans"`,
			`"name":"EXCLUDE","value":"bucketocr-smoke/blue/**,bucketocr-smoke/green/**"`,
			`"serviceAccountName":"bucketocr-function` + tail + `"`, `"run.googleapis.com/ingress":"all"`,
		}},
		{"/triggers/bucketocr-finalized", []string{
			`"attribute":"type","value":"google.cloud.storage.object.v1.finalized"`,
			`"attribute":"bucket","value":"my-scans"`,
			`"service":"bucketocr"`, `"region":"europe-west4"`, `"serviceAccount":"bucketocr-trigger` + tail + `"`,
		}},
		{"/subscriptions/eventarc-europe-west4-bucketocr-finalized-sub-123",
			[]string{`"ackDeadlineSeconds":600`, `"messageRetentionDuration":"604800s"`, `"expirationPolicy":{}`}},
		{"/subscriptions/bucketocr-backfill", []string{
			`"ackDeadlineSeconds":600`, `"messageRetentionDuration":"604800s"`, `"noWrapper":{"writeMetadata":true}`,
			`"serviceAccountEmail":"bucketocr-trigger` + tail + `"`,
			`"audience":"https://bucketocr-123456789012.europe-west4.run.app"`, `"maximumBackoff":"600s"`,
		}},
		{"/jobs/bucketocr-sweep", []string{
			`"schedule":"*/5 * * * *"`, `"ce-type":"bucketocr.sweep"`, `"ce-id":"sweep"`, `"ce-specversion":"1.0"`,
			`"ce-source":"//bucketocr/sweep"`, `"httpMethod":"POST"`, `"attemptDeadline":"540s"`,
			`"uri":"https://bucketocr-123456789012.europe-west4.run.app`,
			`"serviceAccountEmail":"bucketocr-sweep` + tail + `"`,
			`"audience":"https://bucketocr-123456789012.europe-west4.run.app"`,
		}},
		{"/jobs/bucketocr-reconcile", []string{
			`"schedule":"23 2 * * *"`, `"ce-type":"bucketocr.reconcile"`, `"ce-id":"reconcile"`,
			`"ce-source":"//bucketocr/reconcile"`, `"ce-since":"2`,
			`"attemptDeadline":"540s"`, `"retryCount":5`, `"minBackoffDuration":"60s"`,
			`"serviceAccountEmail":"bucketocr-sweep` + tail + `"`,
		}},
		{"/databases/(default)",
			[]string{`"locationId":"europe-west4"`, `"type":"FIRESTORE_NATIVE"`,
				`"deleteProtectionState":"DELETE_PROTECTION_ENABLED"`}},
		{"/indexes/abc", []string{`"fieldPath":"status"`, `"fieldPath":"finished"`, `"queryScope":"COLLECTION"`}},
		{"/b/my-scans", []string{`"location":"EUROPE-WEST4"`, `"publicAccessPrevention":"enforced"`,
			`"uniformBucketLevelAccess":{"enabled":true}`}},
		{"/fields/markerExpires", []string{`"ttlConfig":{"state":"CREATING"}`, `"ancestorField":"__default__"`}},
		{"/repositories/bucketocr",
			[]string{`"format":"DOCKER"`, `"bucketocr_made":"bucketocr"`,
				`"bucketocr_revision":"` + strings.Repeat("b", 40) + `"`,
				`"action":"Delete"`, `"keepCount":2`}},
		{"/alertPolicies/" + g.alert("errors"), []string{`severity>=ERROR AND NOT log_id(\"run.googleapis.com/requests\")`, `"notificationRateLimit"`}},
		{"/alertPolicies/" + g.alert("backlog"),
			[]string{`oldest_unacked_message_age`,
				`one_of(\"eventarc-europe-west4-bucketocr-finalized-sub-123\",\"bucketocr-backfill\")`}},
		{"/alertPolicies/" + g.alert("unfinished"), []string{`user/bucketocr-sweeps`, `"conditionAbsent"`,
			`user/bucketocr_past_window\" AND resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"bucketocr\"`}},
		{"/alertPolicies/" + g.alert("undocumented"), []string{`user/bucketocr_undocumented\"`}},
		{"/metrics/bucketocr_deliveries",
			[]string{`"labelExtractors":{"code":"EXTRACT(jsonPayload.code)","outcome":"EXTRACT(jsonPayload.outcome)"}`,
				`"metricKind":"DELTA"`}},
		{"/metrics/bucketocr_pages",
			[]string{`"valueType":"DISTRIBUTION"`, `"valueExtractor":"EXTRACT(jsonPayload.pages)"`,
				`"exponentialBuckets"`}},
		{"/dashboards/bucketocr",
			[]string{`"displayName":"bucketocr: images to text"`, `"bucketocr_input":"`, `"columns":48`,
				`user/bucketocr_deliveries\" AND resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"bucketocr\"`,
				`sum(increase(logging_googleapis_com:user_bucketocr_pages_sum{monitored_resource=\"cloud_run_revision\",service_name=\"bucketocr\"}[1h]))`,
				`one_of(\"eventarc-europe-west4-bucketocr-finalized-sub-123\",\"bucketocr-backfill\")`,
				`"resourceNames":["projects/my-project"]`}},
	} {
		text, _ := g.find(t, want.suffix)
		for _, part := range want.parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %s: %s", want.suffix, part, text)
			}
		}
	}
	for path, thing := range g.made() {
		if text, _ := json.Marshal(thing); regexp.MustCompile(`@[A-Z]+@`).Match(text) {
			t.Errorf("%s holds a word that is not filled in: %s", path, text)
		}
	}
	checkPolicies(t, g, grants)
	if g.uploads["bucketocr-smoke/deploy/patent-2004.png"] == nil {
		t.Error("the sample was not uploaded")
	}
	exempt := 0
	for path, thing := range g.made() {
		if config, ok := thing["indexConfig"].(object); ok && config["ancestorField"] != nil {
			exempt++
			if !strings.Contains(path, "/ocr_documents/") && !strings.Contains(path, "/ocr_pages/") {
				t.Error(path)
			}
		}
	}
	if exempt != 13 {
		t.Errorf("%d exemptions", exempt)
	}
}

// alert returns the id of an alert's policy.
func (g *google) alert(name string) string {
	for path, thing := range g.made() {
		labels, _ := thing["userLabels"].(object)
		if labels["bucketocr_alert"] == name {
			return path[strings.LastIndex(path, "/")+1:]
		}
	}
	return "none for " + name
}

// grants are exactly the roles that `deploy.sh all` grants.
var grants = map[string][]string{
	"/v1/projects/" + project: {
		"roles/datastore.user bucketocr-function" + tail, "roles/eventarc.eventReceiver bucketocr-trigger" + tail,
		"roles/eventarc.serviceAgent service-" + number + "@gcp-sa-eventarc.iam.gserviceaccount.com",
		"roles/pubsub.publisher " + agent,
		"roles/pubsub.serviceAgent service-" + number + "@gcp-sa-pubsub.iam.gserviceaccount.com",
		"roles/run.builder bucketocr-builder" + tail,
	},
	"/storage/v1/b/" + bucket: {"roles/storage.objectUser user:a@example.com",
		"roles/storage.objectViewer bucketocr-function" + tail},
	"/v1/projects/" + project + "/locations/" + region + "/services/bucketocr": {
		"roles/run.invoker bucketocr-sweep" + tail, "roles/run.invoker bucketocr-trigger" + tail,
	},
	"/v1/projects/" + project + "/locations/" + region + "/services/bucketocr-gpu": {
		"roles/run.invoker bucketocr-function" + tail,
	},
}

// checkPolicies compares every policy with the expected grants.
func checkPolicies(t *testing.T, g *google, want map[string][]string) {
	t.Helper()
	for path, policy := range g.made() {
		thing, isPolicy := strings.CutSuffix(path, "#iam")
		if !isPolicy {
			continue
		}
		got := []string{}
		bindings, _ := policy["bindings"].([]any)
		for _, b := range bindings {
			members, _ := b.(object)["members"].([]any)
			for _, m := range members {
				role, _ := b.(object)["role"].(string)
				got = append(got, role+" "+strings.TrimPrefix(m.(string), "serviceAccount:"))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, append([]string{}, want[thing]...)) {
			t.Errorf("policy of %s: %v, want %v", thing, got, want[thing])
		}
	}
}

// checkDestroyed checks that everything created by deploy.sh is removed, with its roles, and that bucket and documents
// were not touched.
func checkDestroyed(t *testing.T, g *google, before map[string]object) {
	t.Helper()
	after := g.made()
	for path := range before {
		_, there := after[path]
		kept := strings.Contains(path, "/databases/") || strings.HasPrefix(path, "/storage/") ||
			strings.HasSuffix(path, "#iam") ||
			strings.Contains(path, "/"+number+"/services/") || strings.Count(path, "/") == 3 ||
			strings.Contains(path, "/subscriptions/eventarc-") || // made by Eventarc, gcloud itself
			strings.HasSuffix(path, "/cloud-run-source-deploy")
		if there != kept {
			t.Errorf("%s: there %v, want %v", path, there, kept)
		}
	}
	for _, c := range g.changes {
		if strings.Contains(c.path, "/o/") || strings.Contains(c.path, "/databases/") || c.method == "DELETE" &&
			strings.HasPrefix(c.path, "/storage/") {
			t.Errorf("destroy touched %v", c)
		}
	}
}
