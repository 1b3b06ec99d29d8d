package gcptest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// answer is a bucket's answer to a GET.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of the request or the reading
}

// get sends a request without decompressing the answer.
func get(t *testing.T, b *Bucket, path string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+b.Host()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body), err}
}

func object1(name string, generation int64, media bool) string {
	q := url.Values{}
	if generation != 0 {
		q.Set("generation", strconv.FormatInt(generation, 10))
	}
	if media {
		q.Set("alt", "media")
	}
	return "/storage/v1/b/scans/o/" + url.PathEscape(name) + "?" + q.Encode()
}

func TestBucketAnswers(t *testing.T) {
	b := NewBucket(t, "scans")
	g := b.Put("a/b.png", []byte("123456789"), "image/png", map[string]string{"k": "v"})
	for _, path := range []string{object1("a/b.png", g, true), "/download" + object1("a/b.png", 0, true)} {
		got := get(t, b, path)
		// The CRC32C of these bytes is the check value of the algorithm: e3069283.
		if got.status != 200 || got.body != "123456789" || got.header.Values("X-Goog-Hash")[0] != "crc32c=4waSgw==" {
			t.Errorf("%s: %+v", path, got)
		}
		for name, want := range map[string]string{
			"X-Goog-Generation": strconv.FormatInt(g, 10), "X-Goog-Stored-Content-Length": "9", "Content-Length": "9",
			"X-Goog-Stored-Content-Encoding": "identity", "Content-Encoding": "", "Content-Type": "image/png",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s = %q, want %q", path, name, got.header.Get(name), want)
			}
		}
	}
	meta := get(t, b, object1("a/b.png", 0, false))
	for _, part := range []string{`"generation":"` + strconv.FormatInt(g, 10), `"size":"9"`, `"crc32c":"4waSgw=="`,
		`"k":"v"`} {
		if !strings.Contains(meta.body, part) {
			t.Errorf("metadata %s lacks %s", meta.body, part)
		}
	}
	if r := b.Requests(); len(r) != 3 || !r[0].Media || r[0].Name != "a/b.png" || r[0].Generation != g || r[2].Media {
		t.Errorf("requests %+v", r)
	}
}

func TestBucketHasNot(t *testing.T) {
	b := NewBucket(t, "scans")
	g := b.Put("page", nil, "", nil)
	newer := b.Put("page", nil, "", nil)
	if newer <= g {
		t.Errorf("generation %d after %d", newer, g)
	}
	for path, want := range map[string]int{
		object1("page", newer, true): 200, object1("page", g, true): 404, object1("none", 0, true): 404,
		"/storage/v1/b/other/o/page": 404, "/storage/v1/b/scans": 501, "/storage/v1/b/scans/o/a/b": 501, "/": 501,
		"/storage/v1/b/scans/o/page?generation=x": 400, "/storage/v1/b/scans/o/page?generation=0": 400,
	} {
		if got := get(t, b, path); got.status != want || want != 200 && !strings.Contains(got.body, `"message":`) {
			t.Errorf("%s: %d %s, want %d", path, got.status, got.body, want)
		}
	}
	if got := b.Delete("page"); got != newer || b.Delete("page") != 0 {
		t.Errorf("Delete = %d, want %d and then 0", got, newer)
	}
	if got := get(t, b, object1("page", 0, true)); got.status != 404 {
		t.Errorf("deleted: %d", got.status)
	}
}

// Objects stored as gzip are sent as gzip only to clients that accept it.
func TestBucketUnpacks(t *testing.T) {
	b := NewBucket(t, "scans")
	var stored bytes.Buffer
	z := gzip.NewWriter(&stored)
	_, _ = io.WriteString(z, "plain")
	z.Close()
	b.PutEncoded("page", stored.Bytes(), "image/png", "gzip")
	packed := get(t, b, object1("page", 0, true), "Accept-Encoding", "gzip")
	if packed.body != stored.String() || packed.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("to who takes gzip: %q %v", packed.body, packed.header)
	}
	plain := get(t, b, object1("page", 0, true))
	if plain.body != "plain" || plain.header.Get("Content-Encoding") != "" ||
		plain.header.Get("X-Goog-Stored-Content-Encoding") != "gzip" {
		t.Errorf("to others: %q %v", plain.body, plain.header)
	}
}

func TestBucketFaults(t *testing.T) {
	b := NewBucket(t, "scans")
	body := strings.Repeat("0123456789", 1000)
	b.Put("page", []byte(body), "", nil)
	path := object1("page", 0, true)
	open := make(chan struct{})
	close(open)
	well := get(t, b, path)
	for name, test := range map[string]struct {
		fault Fault
		is    func(answer) bool
	}{
		"status": {Fault{Status: 503}, func(a answer) bool {
			return a.status == 503 && strings.Contains(a.body, `"code":503`)
		}},
		"body": {Fault{Status: 403, Body: "<html>"}, func(a answer) bool {
			return a.status == 403 && a.body == "<html>"
		}},
		"drop":   {Fault{Drop: true}, func(a answer) bool { return a.err != nil && a.status == 0 }},
		"cut":    {Fault{Cut: true}, func(a answer) bool { return a.err != nil && len(a.body) == len(body)/2 }},
		"damage": {Fault{Damage: true}, func(a answer) bool { return len(a.body) == len(body) && a.body != body }},
		"sum": {Fault{WrongSum: true}, func(a answer) bool {
			return a.body == body && a.header.Get("X-Goog-Hash") != well.header.Get("X-Goog-Hash")
		}},
		"no hash": {Fault{NoHash: true}, func(a answer) bool {
			return a.body == body && a.header.Get("X-Goog-Hash") == ""
		}},
		"no size": {Fault{NoSize: true}, func(a answer) bool {
			return a.body == body && a.header.Get("Content-Length") == ""
		}},
		"gate": {Fault{Gate: open}, func(a answer) bool { return a.body == body && a.err == nil }},
	} {
		b.Next(test.fault)
		if got := get(t, b, path); !test.is(got) {
			t.Errorf("%s: %d, %d bytes, %v, %v", name, got.status, len(got.body), got.header, got.err)
		}
		if got := get(t, b, path); got.body != body || got.err != nil {
			t.Errorf("after %s: %d, %v", name, got.status, got.err)
		}
	}
}
