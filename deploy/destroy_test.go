package deploytest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// things returns the existing resources, by key.
func (f fake) things(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, line := range f.lines(t) {
		key, mark, _ := strings.Cut(line, "\t")
		if all[key] = mark; mark == "(deleted)" || key == "run" {
			delete(all, key)
		}
	}
	return all
}

// stays matches the resources that destroy leaves, as listed in docs/deploy.md, and the stand-in's records of deleted
// ones.
var stays = regexp.MustCompile(
	`^(services|agent \S+|storage buckets \S+|firestore databases \S+|exemption .*|ttl .*|composite|` +
		`policy of storage buckets gs://my-scans: roles/storage\.objectUser user:a@example\.com theirs|` +
		`policy of projects my-project: roles/pubsub\.publisher serviceAccount:service-123456789012@gs-project-accounts\.iam\.gserviceaccount\.com|` +
		`(policy of run services|policy of iam service-accounts|times|recorded|cleanup) .*)$`)

// destroyed runs destroy and checks that nothing of ours is left.
func (f fake) destroyed(t *testing.T, env ...string) outcome {
	t.Helper()
	out, _ := f.command(t, env, "--yes", "destroy")
	if out.code != 0 {
		t.Fatalf("exit %d: %s", out.code, out.stderr)
	}
	for _, key := range slices.Sorted(maps.Keys(f.things(t))) {
		if !stays.MatchString(key) {
			t.Errorf("%s is left", key)
		}
	}
	return out
}

// TestDestroyTakesDownWhatARunLeft: a whole installation, one that was cut short anywhere, and none, in a project in
// which no API was ever enabled.
func TestDestroyTakesDownWhatARunLeft(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	for _, cut := range []int{0, 1, 4, 14, 40, 1000} {
		t.Run(fmt.Sprintf("after %d changes", cut), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.run(t, fmt.Sprint("FAKE_CUT=", cut), "ON_DELETE=erase")
			if cut == 1000 {
				if out, _ := f.command(t, nil, "build"); out.code != 0 {
					t.Fatal(out.stderr)
				}
			}
			f.destroyed(t, "OCR_API_KEY_SECRET=ocr-key:1")
			if _, changed := f.command(t, nil, "--yes", "destroy"); len(changed) > 0 {
				t.Errorf("the second time it changed %v", changed)
			}
		})
	}
}

// TestDestroyWithOtherSettings: resources that no longer match the settings are removed all the same, as are triggers
// whose bucket, and roles whose account, no longer exists.
func TestDestroyWithOtherSettings(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	if out, _ := f.run(t, "OCR_API_KEY_SECRET=ocr-key:1", "FIRESTORE_DATABASE=scans"); out.code != 0 {
		t.Fatal(out.stderr)
	}
	f.given(t, "storage buckets gs://my-scans\t(deleted)", "secrets ocr-key\tx",
		"policy of projects my-project: roles/run.builder deleted:serviceAccount:bucketocr-builder@my-project.iam.gserviceaccount.com?uid=1\tx")
	out, _ := f.command(t,
		[]string{"FUNCTION_MAX_INSTANCES=50", "BUCKET_LOCATION=asia", "OCR_API_KEY_SECRET=ocr-key:1"}, "--yes",
		"destroy")
	if out.code != 0 || !strings.Contains(out.stdout,
		"triggers delete bucketocr-finalized --project=my-project --location=europe-west4 ") {
		t.Errorf("exit %d: %s%s", out.code, out.stdout, out.stderr)
	}
	for key := range f.things(t) {
		// the bucket's policy is gone with it
		if !stays.MatchString(key) && !strings.HasPrefix(key, "policy of storage buckets") && key != "secrets ocr-key" {
			t.Errorf("%s is left", key)
		}
	}
}

// TestDestroyRevokesWhatSettingsGranted: the topic of NOTIFY_TOPIC and secrets remain, without a role of ours.
func TestDestroyRevokesWhatSettingsGranted(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	f := newFake(t)
	f.given(t, "secrets ocr-key\tx", "secrets hf\tx")
	env := []string{"NOTIFY_TOPIC=ended", "OCR_API_KEY_SECRET=ocr-key:1", "HF_TOKEN_SECRET=hf:1"}
	if out, _ := f.run(t, env...); out.code != 0 {
		t.Fatal(out.stderr)
	}
	granted := func() (all []string) {
		for key := range f.things(t) {
			if strings.HasPrefix(key, "policy of pubsub topics ") || strings.HasPrefix(key, "policy of secrets ") {
				all = append(all, key)
			}
		}
		return all
	}
	if before := granted(); len(before) != 3 {
		t.Fatalf("granted %v", before)
	}
	out, _ := f.command(t, env, "--yes", "destroy")
	_, topic := f.things(t)["pubsub topics projects/my-project/topics/ended"]
	if left := granted(); out.code != 0 || len(left) > 0 || !topic {
		t.Errorf("exit %d, left %v, the topic is there %v: %s", out.code, left, topic, out.stderr)
	}
}

// TestDestroyLeavesOthersImages: another team's repository keeps its other packages.
func TestDestroyLeavesOthersImages(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	for _, tt := range []struct {
		name, repository string
		stays            bool
	}{{"their repository", "DOCKER:team", true}, {"ours, which they use as well", "", true},
		{"ours alone", "", false}} {
		f := newFake(t)
		if tt.repository != "" {
			f.given(t, "artifacts repositories bucketocr\t"+tt.repository)
		}
		if out, _ := f.run(t); out.code != 0 {
			t.Fatal(out.stderr)
		}
		if tt.stays {
			f.given(t, "package theirs\tx")
		}
		if out, _ := f.command(t, nil, "--yes", "destroy"); out.code != 0 {
			t.Fatal(out.stderr)
		}
		there := f.things(t)
		_, repository := there["artifacts repositories bucketocr"]
		if _, ours := there["image"]; ours || repository != tt.stays {
			t.Errorf("%s: our image is there %v, the repository %v", tt.name, ours, repository)
		}
	}
}
