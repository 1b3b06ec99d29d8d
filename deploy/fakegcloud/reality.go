package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// on reports whether a part of reality is enabled: by name in FAKE_REAL, or as one of the delays by "delays".
func on(name string) bool {
	real := strings.Fields(os.Getenv("FAKE_REAL"))
	return slices.Contains(real, name) || slices.Contains(real, "delays") && strings.HasPrefix(name, "late-")
}

// refusal returns the platform's error message for a command; "" if it does not refuse the command.
func refusal(s *state, c command) string {
	for _, rule := range []func(*state, command) string{
		components, disabled, unknownAccount, conditions, schema, agents, metrics, builds, deploys, organisation,
		blockedDatabase, busy,
	} {
		if why := rule(s, c); why != "" {
			return why
		}
	}
	return ""
}

// components: gcloud without components, as some systems package it.
func components(_ *state, c command) string {
	if on("no-alpha") && c.is("alpha") {
		return "You do not currently have this command group installed. Using it requires the installation of components: [alpha]"
	}
	return ""
}

// disabled: an API answers only some time after it was enabled.
func disabled(s *state, c command) string {
	if len(c.words) == 0 {
		return ""
	}
	api := map[string]string{
		"storage": "storage", "firestore": "firestore", "iam": "iam", "run": "run", "builds": "cloudbuild",
		"artifacts": "artifactregistry", "eventarc": "eventarc", "pubsub": "pubsub", "scheduler": "cloudscheduler",
		"logging": "logging", "monitoring": "monitoring", "alpha": "monitoring"}[c.words[0]]
	_, there := s.things["services"]
	if _, help := c.flags["--help"]; api == "" || help || there && (!on("late-apis") || s.age("services") > 60) {
		return ""
	}
	return fmt.Sprintf("PERMISSION_DENIED: %[1]s.googleapis.com API has not been used in project 123456789012 before or it is disabled. "+
		"Enable it by visiting https://console.developers.google.com/apis/api/%[1]s.googleapis.com then retry. If you enabled this API "+
		"recently, wait a few minutes for the action to propagate. reason: SERVICE_DISABLED (HTTPError 403)", api)
}

// address matches a service account's address.
var address = regexp.MustCompile(`([a-z0-9-]+)@my-project\.iam\.gserviceaccount\.com`)

// unknownAccount: a new account is not known everywhere yet.
func unknownAccount(s *state, c command) string {
	if !on("late-accounts") || c.reads() {
		return ""
	}
	for _, flag := range []string{"--member", "--service-account", "--push-auth-service-account",
		"--oidc-service-account-email"} {
		m := address.FindStringSubmatch(c.flags[flag])
		if m == nil || s.age("iam service-accounts "+m[1]) > 90 {
			continue
		}
		switch {
		case c.is("scheduler"):
			return "NOT_FOUND: Gaia id not found for email " + m[0]
		case c.is("run deploy"):
			return "PERMISSION_DENIED: Permission 'iam.serviceaccounts.actAs' denied on service account " + m[0] +
				" (or it may not exist)."
		case c.is("builds"): // these fail later, when they fetch the source
		default:
			return "INVALID_ARGUMENT: Service account " + m[0] + " does not exist."
		}
	}
	return ""
}

// conditions: gcloud does not guess if a policy has a binding with a condition.
func conditions(s *state, c command) string {
	if _, given := c.flags["--condition"]; given || !c.has("add-iam-policy-binding") {
		return ""
	}
	why := ""
	s.each(c.policy("add-iam-policy-binding"), func(binding, _ string) {
		if len(strings.Fields(binding)) > 2 {
			why = "Adding a binding without specifying a condition to a policy containing conditions is prohibited in non-interactive mode. " +
				"Run the command again with `--condition=None` to specify that you do not want to add a condition to this binding"
		}
	})
	return why
}

// schema: changes of a database's indexes collide.
func schema(s *state, c command) string {
	if !on("late-indexes") || c.reads() || !c.is("firestore indexes") && !c.is("firestore fields") {
		return ""
	}
	for key := range s.made {
		kind, _, _ := strings.Cut(key, " ")
		if (kind == "exemption" || kind == "ttl" || kind == "composite" || kind == "firestore") && s.age(key) < 4 {
			return "ABORTED: Please retry, underlying data changed (HTTPError 409)"
		}
	}
	return ""
}

// agents: Eventarc and Cloud Storage use their own accounts, whose roles take effect late.
func agents(s *state, c command) string {
	if !on("late-agents") || !c.is("eventarc triggers create") {
		return ""
	}
	if _, made := s.things["agent eventarc"]; !made || s.age("agent eventarc") < 300 {
		return "FAILED_PRECONDITION: Invalid resource state for \"\": Permission denied while using the Eventarc Service Agent. If you recently started " +
			"to use Eventarc, it may take a few minutes before all necessary permissions are propagated to the Service Agent."
	}
	if s.age("policy of projects my-project: roles/pubsub.publisher serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com") < 400 {
		return "FAILED_PRECONDITION: Invalid resource state for \"\": The Cloud Storage service account for your bucket is unable to publish to " +
			"Cloud Pub/Sub topics in the specified project."
	}
	return ""
}

// metrics: an alert cannot use a new metric yet.
func metrics(s *state, c command) string {
	if !on("late-metrics") || !c.is("alpha monitoring policies create") {
		return ""
	}
	for _, m := range regexp.MustCompile(`logging\.googleapis\.com/user/([a-z_-]+)`).FindAllStringSubmatch(
		c.flags["--policy"], -1) {
		if s.age("logging metrics "+m[1]) < 590 {
			return "NOT_FOUND: Cannot find metric(s) that match type = \"" + m[0] +
				"\". If a metric was created recently, it could take up to " +
				"10 minutes to become available. Please try again soon."
		}
	}
	return ""
}

const build = "0b8a5a4e-5a4e-4a4e-8a4e-5a4e0b8a5a4e"

// builds: a new account cannot read the source yet, and gcloud only reports that the build failed, whether it was
// submitted or part of a source deploy.
func builds(s *state, c command) string {
	region := c.flags["--region"]
	submitted := c.is("builds submit")
	if _, source := c.flags["--source"]; !submitted && !(c.is("run deploy") && source) {
		return ""
	}
	if on("new-project") && submitted &&
		!slices.Contains([]string{"us-central1", "us-west2", "europe-west1", "asia-east1"}, region) {
		return "FAILED_PRECONDITION: due to quota restrictions, Cloud Build cannot run builds in this region. Please contact support."
	}
	if on("late-builders") &&
		s.age("policy of projects my-project: roles/run.builder serviceAccount:bucketocr-builder@my-project.iam.gserviceaccount.com") < 420 {
		if !submitted {
			return "Build failed; check build logs for details"
		}
		fmt.Fprintf(os.Stderr,
			"Logs are available at [ https://console.cloud.google.com/cloud-build/builds;region=%s/%s?project=1 ].\n",
			region, build)
		return "build " + build + " completed with status \"FAILURE\""
	}
	return ""
}

// deploys: Cloud Run's refusals. A new project has 40 GiB in a region, and a service with a GPU was counted in some
// reports as one instance, in others as three although it could have only one.
func deploys(_ *state, c command) string {
	if !c.is("run deploy") {
		return ""
	}
	if on("no-permission") {
		return "PERMISSION_DENIED: Permission 'run.services.create' denied on resource 'projects/my-project/locations/" + c.flags["--region"] + "' (or resource may not exist)."
	}
	held := 1
	if on("threefold") {
		held = 3
	}
	memory, _ := strconv.Atoi(strings.TrimSuffix(c.flags["--memory"], "Gi"))
	if requested, allowed := held*memory<<30, 40<<30; on("new-project") && c.flags["--gpu"] != "" &&
		requested > allowed {
		return fmt.Sprintf("Quota violated. MemAllocPerProjectRegion requested: %d allowed: %d", requested, allowed)
	}
	return ""
}

// organisation: refusals by an organisation's policies.
func organisation(_ *state, c command) string {
	if on("policy-locations") {
		if c.is("builds submit") &&
			(c.flags["--region"] == "" || c.flags["--default-buckets-behavior"] != "regional-user-owned-bucket") {
			return "HTTPError 412: 'us' violates constraint 'constraints/gcp.resourceLocations'"
		}
		if c.is("storage buckets create") && !strings.HasPrefix(strings.ToLower(c.flags["--location"]), "eu") {
			return "HTTPError 412: 'us' violates constraint 'constraints/gcp.resourceLocations'"
		}
	}
	if on("policy-ingress") && c.is("run deploy") && c.flags["--ingress"] == "all" {
		return "FAILED_PRECONDITION: Constraint constraints/run.allowedIngress violated for projects/my-project attempting to set ingress to all."
	}
	return ""
}

// blockedDatabase: the id of a deleted database is blocked for some minutes.
func blockedDatabase(s *state, c command) string {
	if on("late-database") && c.is("firestore databases create") && s.now < 200 {
		return "FAILED_PRECONDITION: Database ID '(default)' is not available in project 'my-project'. Please retry in 120 seconds."
	}
	return ""
}

// busy: every fifth change is refused once with a transient error.
func busy(s *state, c command) string {
	if !on("late-answers") || c.reads() || c.is("storage cp") || s.now%5 != 0 {
		return ""
	}
	return "UNAVAILABLE: The service is currently unavailable. (HTTPError 503)"
}
