//go:build integration

package examples

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// shelf is a bucket of Cloud Storage that is written to: metadata, upload and removal of objects, on condition of their
// generation.
type shelf struct {
	server *httptest.Server
	mu     sync.Mutex
	next   int64
	files  map[string]string
	live   map[string]int64
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{next: 1000, files: map[string]string{}, live: map[string]int64{}}
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	return s
}

func (s *shelf) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, escaped, _ := strings.Cut(r.URL.EscapedPath(), "/b/texts/o")
	name, _ := url.PathUnescape(strings.TrimPrefix(escaped, "/"))
	var content string
	if r.Method == http.MethodPost {
		var err error
		if name, content, err = uploaded(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	switch want, err := strconv.ParseInt(r.URL.Query().Get("ifGenerationMatch"), 10, 64); {
	case err == nil && want != s.live[name]:
		http.Error(w, `{"error":{"code":412,"message":"conditionNotMet"}}`, http.StatusPreconditionFailed)
		return
	case s.live[name] == 0 && r.Method != http.MethodPost:
		http.Error(w, `{"error":{"code":404,"message":"No such object"}}`, http.StatusNotFound)
		return
	case r.Method == http.MethodDelete:
		delete(s.files, name)
		delete(s.live, name)
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method == http.MethodPost:
		s.next++
		s.files[name], s.live[name] = content, s.next
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"bucket": "texts", "name": name,
		"generation": fmt.Sprint(s.live[name]),
		"size":       fmt.Sprint(len(s.files[name])), "crc32c": checksum(s.files[name])})
}

// checksum is the sum that Cloud Storage tells of an object, which the client compares.
func checksum(content string) string {
	sum := crc32.Checksum([]byte(content), crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// uploaded reads a multipart upload: the object's metadata, and its bytes.
func uploaded(r *http.Request) (name, content string, err error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", "", err
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	var texts []string
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", "", err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return "", "", err
		}
		texts = append(texts, string(text))
	}
	if len(texts) != 2 {
		return "", "", fmt.Errorf("%d parts", len(texts))
	}
	var metadata struct{ Name string }
	err = json.Unmarshal([]byte(texts[0]), &metadata)
	return metadata.Name, texts[1], err
}

// kept returns the names of the files and the texts among them.
func (s *shelf) kept() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if strings.HasSuffix(name, ".md") {
			name += " " + strconv.Quote(s.files[name])
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

// TestFunctionGo runs the example as a process over Firestore's emulator: texts, overwrites, failures and erasures
// reach the other bucket.
func TestFunctionGo(t *testing.T) {
	stage, texts := newStage(t), newShelf(t)
	binary := filepath.Join(t.TempDir(), "archive")
	if out, err := exec.Command("go", "build", "-C", "function-go", "-o", binary,
		"./cmd").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "FIRESTORE_EMULATOR_HOST="+stage.host, "GOOGLE_CLOUD_PROJECT="+stage.project,
		"ARCHIVE_BUCKET=texts",
		"STORAGE_EMULATOR_HOST="+texts.server.URL, "FUNCTION_TARGET=Archive", "PORT="+port)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })

	announce := func(o document.Object) {
		t.Helper()
		data := fmt.Sprintf(`{"id":%q,"file":"gs://%s/%s","generation":%d,"status":"done","warnings":[],"pages":1}`,
			o.ID(), o.Bucket, o.Name, o.Generation)
		for late := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+port,
				strings.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{"Content-Type": "application/json", "ce-specversion": "1.0",
				"ce-id": "1", "ce-source": "//bucketocr/documents",
				"ce-type": "bucketocr.document.v1.ended"} {
				req.Header.Set(name, value)
			}
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			switch {
			case err == nil && resp.StatusCode == http.StatusOK:
				return
			case time.Now().After(late):
				t.Fatal(resp, err)
			}
		}
	}
	want := func(files string) {
		t.Helper()
		if got := texts.kept(); got != files {
			t.Errorf("kept %s\nwant %s", got, files)
		}
	}
	a, b := object("in/a b.png", 1700000000000001), object("b.pdf", 1700000000000002)
	stage.put(a, document.StatusDone, text("one"))
	announce(a)
	announce(a)
	want(`scans/in/a b.png.json, scans/in/a b.png.md "one"`)
	skipped := func(r *document.Record) {
		r.TextInPages, r.Pages, r.PagesDone, r.Warnings = true, 3, 2, []string{document.WarnPagesSkipped}
	}
	stage.put(b, document.StatusDone, skipped,
		document.Page{Page: 2, Generation: b.Generation, Text: "two"},
		document.Page{Page: 1, Generation: b.Generation, Text: "one"})
	announce(b)
	want(`scans/b.pdf.json, scans/b.pdf.md "one\n\f\ntwo", scans/in/a b.png.json, scans/in/a b.png.md "one"`)
	older := a
	a.Generation++
	stage.put(a, document.StatusDone, text("newer"))
	announce(older)
	want(`scans/b.pdf.json, scans/b.pdf.md "one\n\f\ntwo", scans/in/a b.png.json, scans/in/a b.png.md "newer"`)
	stage.put(b, document.StatusFailed, failure)
	announce(b)
	stage.put(a, document.StatusDeleted, nil)
	announce(a)
	want(`scans/b.pdf.json`)
}
