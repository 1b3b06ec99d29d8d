package standin

import (
	"bytes"
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

// Bucket is the bucket of all objects.
const Bucket = "bench-scans"

// Generation is the generation of all objects.
const Generation = 1795428131470921

// objects holds the bucket's contents. Checksums are computed once, so that later only sending bytes takes time.
type objects struct {
	mu     sync.RWMutex
	byName map[string]*object
}

type object struct {
	bytes []byte
	hash  string
}

func newObject(b []byte) *object {
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return &object{bytes: b, hash: "crc32c=" + base64.StdEncoding.EncodeToString(sum)}
}

func (o *objects) get(name string) *object {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.byName[name[strings.LastIndexByte(name, '/')+1:]]
}

// storage stands in for Cloud Storage.
type storage struct {
	costs   *costs
	objects *objects
}

// serve serves until the process ends.
func (s *storage) serve(l net.Listener) {
	_ = http.Serve(l, http.HandlerFunc(s.sendObject))
}

// sendObject handles both ways of reading an object: the JSON API's media download and the XML API's plain path, which
// Google's storage package uses.
func (s *storage) sendObject(rw http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/download")
	if rest, ok := strings.CutPrefix(path, "/storage/v1/b/"+Bucket+"/o/"); ok {
		path = rest
	} else {
		path = strings.TrimPrefix(path, "/"+Bucket+"/")
	}
	name, err := url.PathUnescape(path)
	o := s.objects.get(name)
	if err != nil || o == nil {
		s.costs.faults.Add(1)
		http.NotFound(rw, r)
		return
	}
	s.costs.opens.Add(1)
	s.costs.wait(name, s.costs.waits.Load().Storage)
	if s.costs.shares.apart.Load() {
		if o, err = o.numbered(name); err != nil {
			s.costs.faults.Add(1)
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
	}
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
	_, _ = rw.Write(o.bytes) // the client may be gone
}

func (o *objects) hold(image []byte) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for _, have := range o.byName {
		if bytes.Equal(have.bytes, image) {
			return true
		}
	}
	return false
}
