//go:build integration

package deploytest

import (
	"os"
	"strings"
	"testing"
)

// TestDocumentedRemoval: the commands of docs/deploy.md that delete what destroy keeps, with the real gcloud: first the
// collections alone, then the bucket with its objects, and the database, which deploy.sh has protected.
func TestDocumentedRemoval(t *testing.T) {
	need(t, "gcloud", "bash")
	t.Parallel()
	const scans, database = "/storage/v1/b/" + project + "-scans", "/v1/projects/" + project + "/databases/(default)"
	g := newGoogle(t)
	g.things[scans] = object{"name": project + "-scans", "id": project + "-scans", "projectNumber": number}
	for _, name := range []string{"page.png", "another.png"} {
		g.things[scans+"/o/"+name] = object{"bucket": project + "-scans", "name": name, "generation": "7",
			"size": "5", "storageClass": "STANDARD"}
	}
	g.things[database] = object{"name": strings.TrimPrefix(database, "/v1/"), "type": "FIRESTORE_NATIVE",
		"deleteProtectionState": "DELETE_PROTECTION_ENABLED"}
	env := append(g.env(t), "PROJECT_ID="+project, "CLOUDSDK_CORE_DISABLE_PROMPTS=1")
	for _, prefix := range []string{"gcloud firestore bulk-delete", "gcloud storage rm", "gcloud firestore databases"} {
		for _, line := range documentedRemoval(t, prefix) {
			g.settle()
			out := run(t, env, "bash", "-c", line)
			g.settle()
			if out.code != 0 {
				t.Errorf("%s: exit %d\n%s", line, out.code, out.stderr)
			}
		}
	}
	if len(g.unknown) > 0 {
		t.Errorf("the stand-in does not know\n%s", strings.Join(g.unknown, "\n"))
	}
	for path := range g.things {
		if strings.HasPrefix(path, "/storage/") || strings.HasPrefix(path, database) &&
			!strings.Contains(path, "/operations/") {
			t.Errorf("%s is left", path)
		}
	}
	bulk := g.changes[0]
	if !strings.HasSuffix(bulk.path, ":bulkDeleteDocuments") ||
		!strings.Contains(bulk.String(), `{"collectionIds":["ocr_documents","ocr_pages","ocr_documents_turns"]}`) {
		t.Errorf("the first change is %v", bulk)
	}
}

// documentedRemoval returns the commands with a prefix in the section on deleting what destroy keeps.
func documentedRemoval(t *testing.T, prefix string) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### Deleting the bucket and the documents\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var all []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, prefix) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	if len(all) == 0 {
		t.Fatalf("docs/deploy.md has no command %s", prefix)
	}
	return all
}
