package gcptest

import (
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bucket is a Cloud Storage bucket with its own server, which serves the JSON API's calls that list objects and read an
// object's metadata and bytes. No other bucket exists there. Its methods may be called at any time.
type Bucket struct {
	name   string
	server *httptest.Server

	mu       sync.Mutex
	next     int64 // generation
	versions bool
	live     map[string]int64
	objects  map[version]*object
	faults   []Fault
	requests []Request
}

// version is one generation of a name.
type version struct {
	name       string
	generation int64
}

// object is a stored object.
type object struct {
	name        string
	generation  int64
	bytes       []byte
	contentType string
	encoding    string
	metadata    map[string]string
	created     time.Time
}

func (o *object) crc() uint32 { return crc32.Checksum(o.bytes, crc32.MakeTable(crc32.Castagnoli)) }

// Request is a request that the server received.
type Request struct {
	Media      bool // for the object's bytes, not its metadata
	List       bool // for the objects with the prefix Name
	Name       string
	Generation int64 // 0 if none was given
	Header     http.Header
}

// Fault is a fault of one request; the zero value is none.
type Fault struct {
	Status   int             // answer this HTTP status
	Body     string          // of that answer; empty: Cloud Storage's own form
	Drop     bool            // end the connection without an answer
	NoHash   bool            // leave out the checksums, also in metadata
	NoSize   bool            // leave out the stored size, and send the bytes in chunks
	WrongSum bool            // send a wrong CRC32C
	Damage   bool            // change a byte in the middle
	Cut      bool            // end the connection after half of the bytes
	Gate     <-chan struct{} // send the headers and half of the bytes, and the rest once it is closed
}

// NewBucket starts a bucket for one test.
func NewBucket(tb testing.TB, name string) *Bucket {
	tb.Helper()
	b := &Bucket{name: name, next: 1795428131470921, live: map[string]int64{}, objects: map[version]*object{}}
	b.server = httptest.NewServer(http.HandlerFunc(b.serve))
	tb.Cleanup(func() {
		b.server.CloseClientConnections()
		b.server.Close()
	})
	return b
}

// Name is the bucket's name.
func (b *Bucket) Name() string { return b.name }

// Host is the server's host:port, the value for STORAGE_EMULATOR_HOST.
func (b *Bucket) Host() string { return strings.TrimPrefix(b.server.URL, "http://") }

// KeepVersions keeps overwritten and deleted generations readable by their number, as Object Versioning does.
func (b *Bucket) KeepVersions() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.versions = true
}

// Put stores an object and returns its generation, greater than any before.
func (b *Bucket) Put(name string, bytes []byte, contentType string, metadata map[string]string) (generation int64) {
	return b.put(&object{name: name, bytes: bytes, contentType: contentType, metadata: metadata})
}

// PutEncoded stores bytes that are already encoded, with the given Content-Encoding.
func (b *Bucket) PutEncoded(name string, bytes []byte, contentType, encoding string) (generation int64) {
	return b.put(&object{name: name, bytes: bytes, contentType: contentType, encoding: encoding})
}

func (b *Bucket) put(o *object) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next += 1017
	b.retire(o.name)
	o.generation, o.created = b.next, time.Now()
	b.objects[version{o.name, o.generation}] = o
	b.live[o.name] = o.generation
	return o.generation
}

// Age makes all objects older.
func (b *Bucket) Age(by time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.objects {
		o.created = o.created.Add(-by)
	}
}

// Delete removes the live generation, if any, and returns it, or 0.
func (b *Bucket) Delete(name string) (generation int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.retire(name)
}

func (b *Bucket) retire(name string) int64 {
	generation := b.live[name]
	delete(b.live, name)
	if !b.versions {
		delete(b.objects, version{name, generation})
	}
	return generation
}

// Next applies one fault to each of the next requests; later requests succeed again.
func (b *Bucket) Next(faults ...Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, faults...)
}

// Requests returns the requests that the server received, in order.
func (b *Bucket) Requests() []Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Request(nil), b.requests...)
}

// take notes a request and returns the object that it asks for, nil if there is none, and the fault to apply.
func (b *Bucket) take(r Request) (*object, Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, r)
	var f Fault
	if len(b.faults) > 0 {
		f, b.faults = b.faults[0], b.faults[1:]
	}
	if r.Generation == 0 {
		r.Generation = b.live[r.Name]
	}
	return b.objects[version{r.Name, r.Generation}], f
}
