//go:build integration

package deploytest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

// database is one project of the emulator, with rules.
type database struct{ host, project string }

// send sends a request of a user: "" for none, "owner" for a service account, anything else for that user.
func (d database) send(t *testing.T, method, user, path string, body any) (int, string) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, "http://"+d.host+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	switch user {
	case "":
	case "owner":
		req.Header.Set("Authorization", "Bearer owner")
	default:
		part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		req.Header.Set("Authorization", "Bearer "+part(`{"alg":"none"}`)+"."+
			part(fmt.Sprintf(`{"sub":%q,"user_id":%q,"aud":%q,"iat":0}`, user, user, d.project))+".")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// rules returns deploy/firestore.rules: as is, with the line of mayRead from its comment, and with that of mayReadOwn.
func rules(t *testing.T) (closed, open, own string) {
	t.Helper()
	closed = read(t, "deploy/firestore.rules")
	lines := regexp.MustCompile(`return false; // .*: (return [^;]*;)\n`).FindAllStringSubmatch(closed, -1)
	if len(lines) != 2 {
		t.Fatalf("firestore.rules has %d lines that open it, want 2", len(lines))
	}
	with := func(line []string) string { return strings.Replace(closed, line[0], line[1]+"\n", 1) }
	return closed, with(lines[0]), with(lines[1])
}

// use sets the emulator's rules.
func (d database) use(t *testing.T, rules string) {
	t.Helper()
	file := object{"rules": object{"files": []object{{"name": "firestore.rules", "content": rules}}}}
	if code, answer := d.send(t, "PUT", "owner", "/emulator/v1/projects/"+d.project+":securityRules",
		file); code != 200 {
		t.Fatalf("the rules do not compile: %d %s", code, answer)
	}
}

// TestRules: as is, no client can read anything; opened, signed-in users can read documents and pages. In both cases no
// client can write, or read anything else.
func TestRules(t *testing.T) {
	closed, open, _ := rules(t)
	for name, text := range map[string]string{"closed": closed, "open": open} {
		t.Run(name, func(t *testing.T) { checkRules(t, text, name == "open") })
	}
}

// TestOwnersReadTheirOwn: opened to owners, users can read the documents and pages of their own objects, and markers of
// erased ones. No user can read another's documents or those without an owner, nor run a query that could return them.
func TestOwnersReadTheirOwn(t *testing.T) {
	_, _, own := rules(t)
	d := database{gcptest.Firestore(t), gcptest.Project(t)}
	d.use(t, own)
	documents := "/v1/projects/" + d.project + "/databases/(default)/documents"
	for id, owner := range map[string]string{"hers": "alice", "his": "bob", "nobodys": ""} {
		fields := object{"status": object{"stringValue": "done"}}
		if owner != "" {
			fields["owner"] = object{"stringValue": owner}
		}
		for _, path := range []string{"", "/ocr_pages/1-0001"} {
			if path != "" {
				delete(fields, "owner")
			}
			if code, answer := d.send(t, "PATCH", "owner", documents+"/ocr_documents/"+id+path,
				object{"fields": fields}); code != 200 {
				t.Fatal(code, answer)
			}
		}
	}
	equal := func(field, value string) object {
		return object{"fieldFilter": object{"field": object{"fieldPath": field}, "op": "EQUAL",
			"value": object{"stringValue": value}}}
	}
	query := func(where object) object {
		return object{"structuredQuery": object{"from": []object{{"collectionId": "ocr_documents"}}, "where": where}}
	}
	pages := object{"structuredQuery": object{"from": []object{{"collectionId": "ocr_pages"}}}}
	both := object{
		"compositeFilter": object{"op": "AND", "filters": []object{equal("owner", "alice"), equal("status", "done")}}}
	for _, c := range []struct {
		what, method, path string
		body               any
		alice              int
	}{
		{"her document", "GET", "/ocr_documents/hers", nil, 200},
		{"a page of hers", "GET", "/ocr_documents/hers/ocr_pages/1-0001", nil, 200},
		{"all pages of hers", "POST", "/ocr_documents/hers:runQuery", pages, 200},
		{"all of hers", "POST", ":runQuery", query(equal("owner", "alice")), 200},
		{"all of hers that are done", "POST", ":runQuery", query(both), 200},
		{"his document", "GET", "/ocr_documents/his", nil, 403},
		{"a page of his", "GET", "/ocr_documents/his/ocr_pages/1-0001", nil, 403},
		{"all pages of his", "POST", "/ocr_documents/his:runQuery", pages, 403},
		{"all of his", "POST", ":runQuery", query(equal("owner", "bob")), 403},
		{"a document without an owner", "GET", "/ocr_documents/nobodys", nil, 403},
		{"a page of it", "GET", "/ocr_documents/nobodys/ocr_pages/1-0001", nil, 403},
		{"all that are done", "POST", ":runQuery", query(equal("status", "done")), 403},
		{"making it hers", "PATCH", "/ocr_documents/his?updateMask.fieldPaths=owner",
			object{"fields": object{"owner": object{"stringValue": "alice"}}}, 403},
	} {
		for user, want := range map[string]int{"": 403, "alice": c.alice} {
			if code, answer := d.send(t, c.method, user, documents+c.path, c.body); code != want {
				t.Errorf("%s as %q: %d, want %d: %s", c.what, user, code, want, answer)
			}
		}
	}
}

func checkRules(t *testing.T, rules string, open bool) {
	t.Helper()
	d := database{gcptest.Firestore(t), gcptest.Project(t)}
	d.use(t, rules)
	documents := "/v1/projects/" + d.project + "/databases/(default)/documents"
	fields := object{"fields": object{"status": object{"stringValue": "done"}}}
	const document, page, other = "/ocr_documents/abc", "/ocr_documents/abc/ocr_pages/1-0001", "/users/alice"
	for _, path := range []string{document, page, other} {
		if code, answer := d.send(t, "PATCH", "owner", documents+path, fields); code != 200 {
			t.Fatal(code, answer)
		}
	}
	query := func(collection string) object {
		return object{"structuredQuery": object{"from": []object{{"collectionId": collection}}}}
	}
	for _, tt := range []struct {
		what, method, path string
		body               any
		nobody, alice      int
	}{
		{"a document", "GET", document, nil, 403, 200},
		{"a page", "GET", page, nil, 403, 200},
		{"a document that is not there", "GET", "/ocr_documents/none", nil, 403, 404},
		{"all documents", "POST", ":runQuery", query("ocr_documents"), 403, 200},
		{"all pages of a document", "POST", document + ":runQuery", query("ocr_pages"), 403, 200},
		{"another collection", "GET", other, nil, 403, 403},
		{"another collection's query", "POST", ":runQuery", query("users"), 403, 403},
		{"below a page", "GET", page + "/notes/1", nil, 403, 403},
		{"writing a document", "PATCH", document, fields, 403, 403},
		{"making a document", "POST", "/ocr_documents?documentId=new", fields, 403, 403},
		{"deleting a document", "DELETE", document, nil, 403, 403},
		{"writing a page", "PATCH", page, fields, 403, 403},
		{"making a page", "POST", document + "/ocr_pages?documentId=new", fields, 403, 403},
		{"deleting a page", "DELETE", page, nil, 403, 403},
		{"writing elsewhere", "PATCH", other, fields, 403, 403},
		{"a commit", "POST", ":commit",
			object{"writes": []object{{"delete": strings.TrimPrefix(documents, "/v1/") + document}}}, 403, 403},
	} {
		alice := tt.alice
		if !open {
			alice = 403
		}
		for user, want := range map[string]int{"": tt.nobody, "alice": alice} {
			if code, answer := d.send(t, tt.method, user, documents+tt.path, tt.body); code != want {
				t.Errorf("%s as %q: %d, want %d: %s", tt.what, user, code, want, answer)
			}
		}
	}
}

// firebase sends the requests of a web page with the Firebase SDK, as a user who is signed in and as one who is not.
const firebase = `
import { initializeApp } from 'firebase/app';
import { addDoc, collection, connectFirestoreEmulator, doc, getDoc, getDocs, getFirestore, query, setDoc, terminate, where } from 'firebase/firestore';
const [host, port] = process.env.EMULATOR.split(':');
const answers = {};
for (const user of ['', 'alice']) {
  const db = getFirestore(initializeApp({ projectId: process.env.PROJECT, apiKey: 'none' }, user || 'none'));
  connectFirestoreEmulator(db, host, Number(port), user ? { mockUserToken: { sub: user } } : {});
  const document = doc(db, 'ocr_documents', 'abc');
  for (const [what, ask] of Object.entries({
    document: () => getDoc(document),
    query: () => getDocs(query(collection(db, 'ocr_documents'), where('status', '==', 'done'))),
    pages: () => getDocs(collection(document, 'ocr_pages')),
    elsewhere: () => getDoc(doc(db, 'users', 'alice')),
    write: () => setDoc(document, { status: 'failed' }),
    add: () => addDoc(collection(db, 'ocr_documents'), {}),
  })) answers[(user + ' ' + what).trim()] = await ask().then((r) => r?.size ?? 'ok', (error) => error.code);
  await terminate(db);
}
console.log(JSON.stringify(answers));
process.exit(0);`

// TestFirebaseSDK: a client of Firebase's own SDK can read nothing with the rules as is, and what is permitted once
// they are opened.
func TestFirebaseSDK(t *testing.T) {
	need(t, "node")
	if _, err := os.Stat("../examples/listener-web/node_modules/firebase"); err != nil {
		t.Fatal("no Firebase SDK: run `npm ci --prefix examples/listener-web`")
	}
	d := database{gcptest.Firestore(t), gcptest.Project(t)}
	fields := object{"fields": object{"status": object{"stringValue": "done"}}}
	for _, path := range []string{"/ocr_documents/abc", "/ocr_documents/abc/ocr_pages/1-0001", "/users/alice"} {
		if code, answer := d.send(t, "PATCH", "owner", "/v1/projects/"+d.project+"/databases/(default)/documents"+path,
			fields); code != 200 {
			t.Fatal(code, answer)
		}
	}
	closed, open, _ := rules(t)
	for _, tt := range []struct {
		rules string
		alice []any // document, query, pages
	}{{closed, []any{"permission-denied", "permission-denied", "permission-denied"}}, {open, []any{"ok", 1.0, 1.0}}} {
		d.use(t, tt.rules)
		cmd := exec.Command("node", "--input-type=module", "-e", firebase)
		cmd.Dir, cmd.Env = "../examples/listener-web", append(os.Environ(), "EMULATOR="+d.host, "PROJECT="+d.project)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var answers map[string]any
		if err := json.Unmarshal(out, &answers); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		want := map[string]any{"alice document": tt.alice[0], "alice query": tt.alice[1], "alice pages": tt.alice[2]}
		for _, what := range []string{"document", "query", "pages", "elsewhere", "write", "add", "alice elsewhere",
			"alice write", "alice add"} {
			want[what] = "permission-denied"
		}
		if !maps.Equal(answers, want) {
			t.Errorf("answers %v, want %v", answers, want)
		}
	}
}

// TestSendRules: deploy.sh rules shows the rules to be replaced and asks; a no keeps them, a yes replaces them.
func TestSendRules(t *testing.T) {
	need(t, "bash", "curl")
	fake := newFake(t)
	g := newGoogle(t)
	release := "/v1/projects/" + project + "/releases/cloud.firestore"
	g.things[release] = object{"name": release[4:], "rulesetName": "projects/" + project + "/rulesets/old"}
	g.things["/v1/projects/"+project+
		"/rulesets/old"] = object{"source": object{"files": []object{{"content": "old \"rules\"\nhere"}}}}
	bin := t.TempDir() // gcloud alone: curl is the real one
	if err := os.Symlink(filepath.Join(fake.bin, "gcloud"), filepath.Join(bin, "gcloud")); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "FAKE_STATE=" + fake.state, "RULES_URL=" + g.url,
		"FIRESTORE_COLLECTION=scans"}

	out := g.deploy(t, env, "rules")
	if out.code != 1 || !strings.Contains(out.stderr, "old \"rules\"\nhere") ||
		!strings.Contains(out.stderr, "match /scans/{document}") {
		t.Errorf("exit %d: %s", out.code, out.stderr)
	}
	if len(g.changes) > 0 {
		t.Error("changed without a yes:", g.changes)
	}
	out = g.deploy(t, env, "--yes", "rules")
	if out.code != 0 || len(g.changes) != 2 {
		t.Fatalf("exit %d, %v: %s", out.code, g.changes, out.stderr)
	}
	sent, err := json.Marshal(g.changes[0].body)
	if err != nil || !strings.Contains(string(sent), `allow read: if mayRead() `) ||
		strings.Contains(string(sent), "ocr_documents") {
		t.Errorf("%v %s", err, sent)
	}
	if now := g.things[release]["release"].(object)["rulesetName"]; now != "projects/"+project+"/rulesets/new" {
		t.Errorf("in force: %v", now)
	}
}
