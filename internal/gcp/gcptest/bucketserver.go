package gcptest

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// serve answers GET /storage/v1/b/BUCKET/o and GET /storage/v1/b/BUCKET/o/OBJECT, and with alt=media the same below
// /download. The path is split in its escaped form: a name may look like a path.
func (b *Bucket) serve(w http.ResponseWriter, r *http.Request) {
	if of, ok := strings.CutPrefix(r.URL.EscapedPath(), "/storage/v1/b/"); ok && r.Method == http.MethodGet {
		if bucket, ok := strings.CutSuffix(of, "/o"); ok && !strings.Contains(bucket, "/") {
			b.list(w, r, bucket)
			return
		}
	}
	bucket, name, ok := objectPath(r.URL.EscapedPath())
	if !ok || r.Method != http.MethodGet {
		refuse(w, http.StatusNotImplemented, "this stand-in only reads objects")
		return
	}
	query := r.URL.Query()
	generation, err := strconv.ParseInt(query.Get("generation"), 10, 64)
	if query.Has("generation") && (err != nil || generation <= 0) {
		refuse(w, http.StatusBadRequest, "Invalid argument.")
		return
	}
	media := query.Get("alt") == "media"
	o, fault := b.take(Request{Media: media, Name: name, Generation: generation, Header: r.Header.Clone()})
	switch {
	case fault.Drop:
		drop(w)
	case fault.Status != 0 && fault.Body != "":
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Body) // a client that hung up is the test's business
	case fault.Status != 0:
		refuse(w, fault.Status, http.StatusText(fault.Status))
	case bucket != b.name:
		refuse(w, http.StatusNotFound, "The specified bucket does not exist.")
	case o == nil:
		refuse(w, http.StatusNotFound, fmt.Sprintf("No such object: %s/%s", bucket, name))
	case media:
		sendBytes(w, r, o, fault)
	default:
		sendMetadata(w, b.name, o, fault)
	}
}

func objectPath(path string) (bucket, name string, ok bool) {
	path = strings.TrimPrefix(path, "/download")
	path, ok = strings.CutPrefix(path, "/storage/v1/b/")
	bucket, name, found := strings.Cut(path, "/o/")
	if !ok || !found || strings.Contains(name, "/") {
		return "", "", false
	}
	name, err := url.PathUnescape(name)
	return bucket, name, err == nil
}

// refuse answers with an error in Cloud Storage's form.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code": status, "message": message, "errors": []any{map[string]string{"domain": "global", "message": message}},
	}})
}

// drop ends the connection.
func drop(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}
}

func sendMetadata(w http.ResponseWriter, bucket string, o *object, f Fault) {
	answer := map[string]any{
		"kind": "storage#object", "bucket": bucket, "name": o.name, "generation": strconv.FormatInt(o.generation, 10),
		"contentType": o.contentType, "size": strconv.Itoa(len(o.bytes)), "metadata": o.metadata,
	}
	if !f.NoHash {
		answer["crc32c"] = crcText(o.crc())
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(answer)
}

func crcText(sum uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// sendBytes answers with the object's bytes. Like Cloud Storage, it sends gzip only to clients that accept gzip.
func sendBytes(w http.ResponseWriter, r *http.Request, o *object, f Fault) {
	h := w.Header()
	h.Set("Content-Type", o.contentType)
	h.Set("X-Goog-Generation", strconv.FormatInt(o.generation, 10))
	setHashes(h, o, f)
	encoding := o.encoding
	if encoding == "" {
		encoding = "identity"
	} else {
		h.Set("Content-Encoding", o.encoding)
	}
	h.Set("X-Goog-Stored-Content-Encoding", encoding)
	body := o.bytes
	if encoding == "gzip" && !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Del("Content-Encoding")
		h.Set("Warning", `214 UploadServer gunzipped`)
		body = gunzipped(body)
	}
	if f.Damage && len(body) > 0 {
		body = bytes.Clone(body)
		body[len(body)/2] ^= 0x40
	}
	if f.NoSize {
		_ = http.NewResponseController(w).Flush() // otherwise Go sets Content-Length
	} else {
		h.Set("X-Goog-Stored-Content-Length", strconv.Itoa(len(o.bytes)))
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	send(w, r, body, f)
}

// setHashes writes the checksums as Cloud Storage does, in one header each.
func setHashes(h http.Header, o *object, f Fault) {
	if f.NoHash {
		return
	}
	sum := o.crc()
	if f.WrongSum {
		sum++
	}
	md5sum := md5.Sum(o.bytes)
	h.Add("X-Goog-Hash", "crc32c="+crcText(sum))
	h.Add("X-Goog-Hash", "md5="+base64.StdEncoding.EncodeToString(md5sum[:]))
}

// send writes the body, in two halves if a fault occurs between them.
func send(w http.ResponseWriter, r *http.Request, body []byte, f Fault) {
	if f.Gate == nil && !f.Cut {
		_, _ = w.Write(body) // a client that hung up is the test's business
		return
	}
	half := len(body) / 2
	_, _ = w.Write(body[:half])
	_ = http.NewResponseController(w).Flush()
	if f.Cut {
		panic(http.ErrAbortHandler)
	}
	select {
	case <-f.Gate:
		_, _ = w.Write(body[half:])
	case <-r.Context().Done():
	}
}

// gunzipped returns what Cloud Storage sends for a gzip to a client that does not accept gzip; for a damaged one, the
// bytes before the damage.
func gunzipped(body []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(z)
	return plain
}

// list answers a request for the live objects, in the order of their names, a page at a time.
func (b *Bucket) list(w http.ResponseWriter, r *http.Request, bucket string) {
	q := r.URL.Query()
	if _, f := b.take(Request{List: true, Name: q.Get("prefix"), Header: r.Header.Clone()}); f.Status != 0 {
		refuse(w, f.Status, http.StatusText(f.Status))
		return
	}
	if bucket != b.name {
		refuse(w, http.StatusNotFound, "The specified bucket does not exist.")
		return
	}
	size, err := strconv.Atoi(q.Get("maxResults"))
	if err != nil || size < 1 || size > 1000 {
		size = 1000
	}
	found := b.living(q.Get("prefix"), max(q.Get("startOffset"), q.Get("pageToken")))
	answer := map[string]any{"kind": "storage#objects"}
	if len(found) > size {
		answer["nextPageToken"] = found[size].name // the real one is opaque
		found = found[:size]
	}
	items := make([]any, len(found))
	for i, o := range found {
		items[i] = map[string]any{
			"name": o.name, "generation": strconv.FormatInt(o.generation, 10), "contentType": o.contentType,
			"size": strconv.Itoa(len(o.bytes)), "metadata": o.metadata,
			"timeCreated": o.created.UTC().Format(time.RFC3339Nano),
		}
	}
	answer["items"] = items
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(answer)
}

// living returns the live objects whose names have that prefix and are not before from, in order.
func (b *Bucket) living(prefix, from string) []*object {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []*object
	for _, name := range slices.Sorted(maps.Keys(b.live)) {
		if strings.HasPrefix(name, prefix) && name >= from {
			found = append(found, b.objects[version{name, b.live[name]}])
		}
	}
	return found
}
