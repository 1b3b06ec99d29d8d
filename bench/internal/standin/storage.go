package standin

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bucket is the bucket that every object lies in.
const Bucket = "bench-scans"

// Generation is that of every object.
const Generation = 1795428131470921

// objects are what Cloud Storage holds. The sums are made once: only bytes cost anything afterwards.
type objects struct {
	mu     sync.RWMutex
	byName map[string]*object
}

type object struct {
	bytes []byte
	hash  string
}

// Put stores bytes under the first part of a name: "page.png" is also found as "17/page.png".
func (w *World) Put(name string, b []byte) {
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	w.objects.mu.Lock()
	defer w.objects.mu.Unlock()
	w.objects.byName[name] = &object{bytes: b, hash: "crc32c=" + base64.StdEncoding.EncodeToString(sum)}
}

func (o *objects) get(name string) *object {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.byName[name[strings.LastIndexByte(name, '/')+1:]]
}

func (w *World) serveStorage(l net.Listener) {
	_ = http.Serve(l, http.HandlerFunc(w.sendObject)) // until the process ends
}

// sendObject answers both ways of reading an object: the JSON API's media download, and the XML API's plain path, which
// Google's storage package takes.
func (w *World) sendObject(rw http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/download")
	if rest, ok := strings.CutPrefix(path, "/storage/v1/b/"+Bucket+"/o/"); ok {
		path = rest
	} else {
		path = strings.TrimPrefix(path, "/"+Bucket+"/")
	}
	name, err := url.PathUnescape(path)
	o := w.objects.get(name)
	if err != nil || o == nil {
		w.calls.faults.Add(1)
		http.NotFound(rw, r)
		return
	}
	w.calls.opens.Add(1)
	w.wait(w.waits.Load().Storage)
	h := rw.Header()
	size := strconv.Itoa(len(o.bytes))
	h.Set("Content-Type", http.DetectContentType(o.bytes))
	h.Set("Content-Length", size)
	h.Set("Last-Modified", time.Unix(1795428131, 0).UTC().Format(http.TimeFormat))
	h.Set("X-Goog-Generation", strconv.Itoa(Generation))
	h.Set("X-Goog-Metageneration", "1")
	h.Set("X-Goog-Hash", o.hash)
	h.Set("X-Goog-Stored-Content-Encoding", "identity")
	h.Set("X-Goog-Stored-Content-Length", size)
	_, _ = rw.Write(o.bytes) // who asked may have left
}
