//go:build integration || nightly

package deploytest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// google is a stateful stand-in for Google's APIs on loopback that the real gcloud can work against: resources exist
// once created, creating them twice is refused, and unexpected requests fail the test.
type google struct {
	url string

	mu      sync.Mutex
	things  map[string]object // by path
	changes []change          // in order
	cut     int               // how many changes are executed before all are refused; less than 0: no limit
	failing bool              // whether the next build of a source deploy fails
	once    map[string]object // errors, each returned once, by the end of the change's path
	unknown []string
	serial  int
	uploads map[string][]byte
}

// change is a request that changed something.
type change struct {
	method, path string
	body         object
}

func (c change) String() string {
	body, _ := json.Marshal(c.body) // of what JSON was decoded to
	return c.method + " " + c.path + " " + string(body)
}

func newGoogle(t *testing.T) *google {
	g := &google{cut: -1, uploads: map[string][]byte{}, things: map[string]object{
		"/v1/projects/" + project:          {"projectId": project, "projectNumber": number, "lifecycleState": "ACTIVE"},
		"/v1/projects/" + project + "#iam": {"version": 1, "etag": "BwX0"},
	}}
	s := httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(s.Close)
	g.url = s.URL
	return g
}

// route answers requests that match. Its capture groups are the arguments.
type route struct {
	method, path string
	serve        func(g *google, r *http.Request, args []string, body object) (int, any)
}

func (g *google) serve(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller went away
	}
	body := object{}
	if json.Unmarshal(raw, &body) != nil {
		body["raw"], body["contentType"] = raw, r.Header.Get("Content-Type") // an upload
	}
	r.URL.Path = strings.Replace(r.URL.Path, "/projects/-/", "/projects/"+project+"/", 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if needsProject(r) && r.Header.Get("X-Goog-User-Project") != project {
		http.Error(w, `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Your application is authenticating by using local Application Default `+
			`Credentials. The firebaserules.googleapis.com API requires a quota project: set X-Goog-User-Project."}}`,
			http.StatusForbidden)
		return
	}
	for _, rt := range routes {
		args := regexp.MustCompile("^" + rt.path + "$").FindStringSubmatch(r.URL.Path)
		if r.Method != rt.method || args == nil {
			continue
		}
		code, answer := g.answer(rt, r, args[1:], body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ") // as Google's APIs answer
		_ = encoder.Encode(answer)
		return
	}
	g.unknown = append(g.unknown, fmt.Sprintf("%s %s %.300s", r.Method, r.URL, raw))
	http.Error(w, `{"error":{"code":501,"status":"UNIMPLEMENTED","message":"the stand-in does not know this"}}`,
		http.StatusNotImplemented)
}

// answer calls a route, unless it would change something after the cut.
func (g *google) answer(rt route, r *http.Request, args []string, body object) (int, any) {
	if !g.changing(r) {
		return rt.serve(g, r, args, body)
	}
	for end, fault := range g.once {
		if strings.HasSuffix(r.URL.Path, end) {
			delete(g.once, end)
			code, _ := fault["error"].(object)["code"].(int)
			return code, fault
		}
	}
	if g.cut == 0 {
		return 400, failure(400, "FAILED_PRECONDITION", "cut off by the test")
	}
	g.cut--
	code, answer := rt.serve(g, r, args, body)
	if code < 300 {
		g.changes = append(g.changes, change{r.Method, r.URL.Path, body})
	}
	return code, answer
}

// changing reports whether a request changes a resource of deploy.sh. Uploads of sources and samples do not count, nor
// do failed builds.
func (g *google) changing(r *http.Request) bool {
	if g.failing && strings.HasSuffix(r.URL.Path, "/builds:submit") {
		return false
	}
	return r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "IamPolicy:get") &&
		!strings.HasSuffix(r.URL.Path, "/entries:list") &&
		!strings.HasSuffix(r.URL.Path, ":getIamPolicy") && !strings.HasPrefix(r.URL.Path, "/upload/") &&
		!strings.HasPrefix(r.URL.Path, "/resumable/")
}

func failure(code int, status, message string) object {
	return object{"error": object{"code": code, "status": status, "message": message}}
}

func missing(name string) (int, any) {
	return 404, failure(404, "NOT_FOUND", name+" was not found: NOT_FOUND")
}

// done returns a long-running operation that has ended.
func (g *google) done(prefix string, response object) object {
	g.serial++
	name := fmt.Sprintf("%s/operations/op-%d", prefix, g.serial)
	op := object{"name": name, "done": true, "metadata": object{}, "response": response}
	g.things["/v1/"+name] = op
	return op
}

// under returns the resources in a collection.
func (g *google) under(collection string) []any {
	all := []any{}
	for _, path := range slices.Sorted(maps.Keys(g.things)) {
		if rest, ok := strings.CutPrefix(path, collection+"/"); ok && !strings.ContainsAny(rest, "/#") {
			all = append(all, g.things[path])
		}
	}
	return all
}

// get reads one resource by its path.
func get(g *google, r *http.Request, _ []string, _ object) (int, any) {
	if thing, ok := g.things[r.URL.Path]; ok {
		return 200, thing
	}
	return missing(r.URL.Path)
}

// list answers with a collection under a key.
func list(key string) func(*google, *http.Request, []string, object) (int, any) {
	return func(g *google, r *http.Request, _ []string, _ object) (int, any) {
		return 200, object{key: g.under(r.URL.Path)}
	}
}

// create stores a resource, once; id is the parameter with its name.
func create(id string, operation bool) func(*google, *http.Request, []string, object) (int, any) {
	return func(g *google, r *http.Request, _ []string, body object) (int, any) {
		name := r.URL.Query().Get(id)
		if name == "" {
			name, _ = body[id].(string)
			name = name[strings.LastIndex(name, "/")+1:]
		}
		path := r.URL.Path + "/" + name
		if name == "" {
			return 400, failure(400, "INVALID_ARGUMENT", "no "+id)
		}
		if _, ok := g.things[path]; ok {
			return 409, failure(409, "ALREADY_EXISTS", path+" exists")
		}
		full := strings.TrimPrefix(path, "/v1/")
		if _, ok := body["name"]; !ok || operation {
			body["name"] = full
		}
		g.things[path] = body
		if strings.Contains(path, "/triggers/") {
			g.subscribe(body, name)
		}
		if operation {
			return 200, g.done(strings.Join(strings.Split(full, "/")[:4], "/"), body)
		}
		return 200, body
	}
}

// patch merges into a resource.
func patch(operation bool) func(*google, *http.Request, []string, object) (int, any) {
	return func(g *google, r *http.Request, _ []string, body object) (int, any) {
		thing, ok := g.things[r.URL.Path]
		if !ok {
			return missing(r.URL.Path)
		}
		for k, v := range body {
			if in, ok := v.(object); ok && strings.Contains(r.URL.Path, "/subscriptions/") && k == "subscription" {
				maps.Copy(thing, in)
				continue
			}
			thing[k] = v
		}
		if operation {
			return 200, g.done(strings.Join(strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")[:4], "/"), thing)
		}
		return 200, thing
	}
}

// subscribe creates the subscription of a trigger like Eventarc: with an ack deadline of 10 s, a day's retention and an
// expiration.
func (g *google) subscribe(trigger object, name string) {
	sub := fmt.Sprintf("projects/%s/subscriptions/eventarc-%s-%s-sub-123", project, region, name)
	trigger["transport"] = object{"pubsub": object{"subscription": sub}}
	g.things["/v1/"+sub] = object{"name": sub, "ackDeadlineSeconds": 10, "messageRetentionDuration": "86400s",
		"expirationPolicy": object{"ttl": "2678400s"}}
}

func getPolicy(g *google, r *http.Request, args []string, _ object) (int, any) {
	if p, ok := g.things[args[0]+"#iam"]; ok {
		return 200, p
	}
	return 200, object{"version": 1, "etag": "BwX0"}
}

func setPolicy(g *google, r *http.Request, args []string, body object) (int, any) {
	p, ok := body["policy"].(object)
	if !ok {
		p = body
	}
	g.things[args[0]+"#iam"] = p
	return 200, p
}

var quickGcloud = built("quickgcloud")

// quick starts the real gcloud once for the test, and returns the environment for using it.
func quick(t *testing.T) []string {
	t.Helper()
	bin, err := quickGcloud()
	if err != nil {
		t.Fatal(err)
	}
	ask := exec.Command("gcloud", "info", "--format=value(installation.sdk_root,basic.python_location)")
	ask.Env = slices.Concat(os.Environ(), offGCE)
	info, err := ask.Output()
	if err != nil {
		t.Fatal(err)
	}
	root, python, ok := strings.Cut(strings.TrimSpace(string(info)), "\t")
	if !ok {
		t.Fatalf("gcloud info: %q", info)
	}
	dir, err := os.MkdirTemp("", "q") // a socket's path may be no longer than some 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	socket := filepath.Join(dir, "s")
	cmd := exec.CommandContext(ctx, python, "quickgcloud/server.py", root, socket)
	cmd.Env = append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "CLOUDSDK_CONFIG=" + dir}, offGCE...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			break
		}
		select {
		case err := <-ended:
			cancel()
			t.Fatal("gcloud did not come up:", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Cleanup(func() {
		cancel()
		<-ended
		os.RemoveAll(dir)
	})
	return []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "QUICK_GCLOUD=" + socket}
}

// env makes the real gcloud talk only to the stand-in: as the endpoint of every API and as the proxy for everything
// else.
func (g *google) env(t *testing.T) []string {
	host, port, _ := strings.Cut(strings.TrimPrefix(g.url, "http://"), ":")
	env := append(quick(t),
		"CLOUDSDK_CONFIG="+t.TempDir(), "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE="+write(t, "token", "no-token", 0o600),
		"CLOUDSDK_PROXY_TYPE=http", "CLOUDSDK_PROXY_ADDRESS="+host, "CLOUDSDK_PROXY_PORT="+port,
		"RETRY_FOR=20", "CLOUDSDK_CORE_DISABLE_FILE_LOGGING=1", "FIRESTORE_URL="+g.url,
	)
	for i, e := range env { // nothing waits
		if path, ok := strings.CutPrefix(e, "PATH="); ok {
			env[i] = "PATH=" + filepath.Dir(write(t, "sleep", "#!/bin/sh\n", 0o700)) + ":" + path
		}
	}
	for _, api := range []string{"RUN", "EVENTARC", "STORAGE", "IAM", "CLOUDRESOURCEMANAGER", "SERVICEUSAGE",
		"CLOUDBUILD",
		"ARTIFACTREGISTRY", "FIRESTORE", "PUBSUB", "SECRETMANAGER", "CLOUDSCHEDULER", "LOGGING", "MONITORING"} {
		env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+api+"="+g.url+"/")
	}
	return env
}

// deploy runs deploy.sh against the stand-in. Between runs the test may use all of g: its lock, which requests also
// take, orders the accesses.
func (g *google) deploy(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	g.settle()
	defer g.settle()
	return deploy(t, env, args...)
}

// settle takes and releases the lock, so that earlier writes under it are visible here, and later ones to its next
// holder.
func (g *google) settle() {
	g.mu.Lock()
	defer g.mu.Unlock()
}

// made returns the existing resources, without values that differ from run to run.
func (g *google) made() map[string]object {
	all := maps.Clone(g.things)
	maps.DeleteFunc(all, func(path string, _ object) bool {
		return strings.Contains(path, "/operations/") || strings.Contains(path, "/builds/")
	})
	return all
}

// mustRun runs deploy.sh all against the stand-in.
func (g *google) mustRun(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	out := g.deploy(t, env, args...)
	if len(g.unknown) > 0 {
		t.Errorf("the stand-in does not know\n%s", strings.Join(g.unknown, "\n"))
	}
	if out.code != 0 {
		t.Fatalf("exit %d\n%s\n%s", out.code, out.stdout, out.stderr)
	}
	return out
}

// sorted gives each change's method and path, sorted.
func sorted(changes []change) []string {
	var all []string
	for _, c := range changes {
		all = append(all, "\n"+c.method+" "+c.path)
	}
	slices.Sort(all)
	return all
}

// write writes a file into a temporary folder and returns its path.
func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}
