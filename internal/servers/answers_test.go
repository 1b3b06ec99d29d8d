package servers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// answer is a server's answer, without values that differ from run to run.
type answer struct {
	Question    string `json:"question"`
	Sent        string `json:"sent"`
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Body        any    `json:"body"` // decoded where it is JSON
}

// ask sends a question to a server, with a key if it needs one.
func ask(tb testing.TB, server, key string, q question) (answer, error) {
	tb.Helper()
	url := server + cmp.Or(q.path, "/v1/chat/completions")
	req, err := http.NewRequestWithContext(tb.Context(), cmp.Or(q.method, http.MethodPost), url,
		bytes.NewReader(q.body(tb)))
	if err != nil {
		return answer{}, err
	}
	req.Close = true // a server that refused a request unread closes its connection
	req.Header.Set("Content-Type", cmp.Or(q.contentType, "application/json"))
	if q.encoding != "" {
		req.Header.Set("Content-Encoding", q.encoding)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", q.name, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", q.name, err)
	}
	a := answer{Question: q.name, Sent: q.sent, Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type")}
	switch {
	case strings.HasPrefix(a.ContentType, "text/event-stream"): // which comes in other pieces each time
		a.Body = "…"
	case json.Unmarshal(raw, &a.Body) != nil:
		a.Body = string(raw)
	}
	a.Body = settle("", a.Body)
	return a, nil
}

// varying are fields that are irrelevant to clients and differ from run to run, or from model to model.
var varying = map[string]bool{
	"id": true, "created": true, "root": true, "system_fingerprint": true, "logprob": true, "token_ids": true,
	"server_load":     true,
	"prompt_logprobs": true, "prompt_token_ids": true, "healthy_endpoints": true, "timings": true,
	"cached_tokens": true, "meta": true,
}

var (
	address = regexp.MustCompile(`0x[0-9A-Fa-f]+`) // of an object in the server's memory
	port    = regexp.MustCompile(`((?:127\.0\.0\.1|REDACTED)'?[:,] ?)\d+`)
	base    = regexp.MustCompile(`(base64,)[A-Za-z0-9+/.=]+`)
	file    = regexp.MustCompile(`[^"]*\.gguf`) // of a llama-server's model
	random  = regexp.MustCompile(`"(id|created)":("[^"]*"|\d+)`)
)

// settle replaces varying values by a constant. A model's id does not vary.
func settle(name string, value any) any {
	if varying[name] && value != nil {
		return "…"
	}
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			v[key] = settle(key, inner)
		}
		if v["object"] == "model" && v["name"] == nil {
			v["id"] = ocrtest.DefaultModel
		}
	case []any:
		for i, inner := range v {
			v[i] = settle("", inner)
		}
	case string:
		v = port.ReplaceAllString(address.ReplaceAllString(v, "0x…"), "${1}…")
		v = file.ReplaceAllString(v, "….gguf")
		v = base.ReplaceAllString(v, "${1}…")
		return random.ReplaceAllString(v, `"$1":"…"`)
	}
	return value
}

// differences lists the paths at which two answers differ, with both values.
func differences(want, got answer) []string {
	var found []string
	compare := func(path string, a, b any) {
		if a != b {
			found = append(found, fmt.Sprintf("%s: %s, not %s", path, clip(b), clip(a)))
		}
	}
	compare("status", want.Status, got.Status)
	compare("content_type", want.ContentType, got.ContentType)
	var walk func(path string, a, b any)
	walk = func(path string, a, b any) {
		ma, isMap := a.(map[string]any)
		mb, alike := b.(map[string]any)
		if isMap && alike {
			keys := slices.Sorted(maps.Keys(ma))
			for key := range mb {
				if _, there := ma[key]; !there {
					keys = append(keys, key)
				}
			}
			for _, key := range keys {
				va, inA := ma[key]
				vb, inB := mb[key]
				switch {
				case !inA:
					found = append(found, path+"."+key+": is too many")
				case !inB:
					found = append(found, path+"."+key+": is missing")
				default:
					walk(path+"."+key, va, vb)
				}
			}
			return
		}
		la, isList := a.([]any)
		lb, alike := b.([]any)
		if isList && alike && len(la) == len(lb) {
			for i := range la {
				walk(fmt.Sprintf("%s[%d]", path, i), la[i], lb[i])
			}
			return
		}
		if isMap || isList || alike {
			found = append(found, fmt.Sprintf("%s: %s, not %s", path, clip(b), clip(a)))
			return
		}
		if _, isMap := b.(map[string]any); isMap {
			found = append(found, fmt.Sprintf("%s: %s, not %s", path, clip(b), clip(a)))
			return
		}
		compare(path, a, b)
	}
	walk("body", want.Body, got.Body)
	return found
}

func clip(v any) string {
	s := fmt.Sprintf("%#v", v)
	if len(s) > 300 {
		return s[:200] + "…" + s[len(s)-90:]
	}
	return s
}

// known is a difference between a stand-in and the real server, with the reason for accepting it.
type known struct {
	questions, path string // patterns of package path
	reason          string
	sometimes       bool // it comes and goes
}

// judge fails for each difference that is not known, and for each known one that is gone.
func judge(t *testing.T, wants, gots map[string]answer, table []known) {
	t.Helper()
	used := make([]bool, len(table))
	for _, name := range slices.Sorted(maps.Keys(wants)) {
		t.Run(name, func(t *testing.T) {
			for _, difference := range differences(wants[name], gots[name]) {
				where, _, _ := strings.Cut(difference, ":")
				excused := false
				for i, k := range table {
					question, _ := path.Match(k.questions, name)
					at, _ := path.Match(k.path, where)
					if question && at {
						used[i], excused = true, true
					}
				}
				if !excused {
					t.Error(difference)
				}
			}
		})
	}
	for i, k := range table {
		if !used[i] && !k.sometimes {
			t.Errorf("%s, %s: the difference is gone: strike it from the table", k.questions, k.path)
		}
	}
}

// readAnswers reads a file of answers, by question.
func readAnswers(tb testing.TB, name string) map[string]answer {
	tb.Helper()
	file, err := os.Open("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	all := map[string]answer{}
	for decoder := json.NewDecoder(file); ; {
		var a answer
		if err := decoder.Decode(&a); err == io.EOF {
			return all
		} else if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		all[a.Question] = a
	}
}
