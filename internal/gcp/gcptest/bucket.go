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

// Bucket is a bucket of Cloud Storage with a server of its own: the calls of the JSON API that list objects and read
// one, its metadata and its bytes. Other buckets do not exist there. Its methods may be called at any time.
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

// object is what is stored.
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

// Request is one that the server got.
type Request struct {
	Media      bool // the object's bytes, else its metadata
	List       bool // objects of the prefix Name
	Name       string
	Generation int64 // 0 where none was named
	Header     http.Header
}

// Fault is what goes wrong with one request; the zero value is nothing.
type Fault struct {
	Status   int             // answer this HTTP status
	Body     string          // of that answer; empty: Cloud Storage's own form
	Drop     bool            // end the connection without an answer
	NoHash   bool            // leave the checksums out, of the metadata as well
	NoSize   bool            // leave out how many bytes are stored, and send them in chunks
	WrongSum bool            // name another CRC32C than that of the bytes
	Damage   bool            // change a byte in the middle
	Cut      bool            // end the connection after half of the bytes
	Gate     <-chan struct{} // send the headers and half of the bytes, and the rest when it is closed
}

// NewBucket starts a bucket that a test has for itself.
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

// KeepVersions has overwritten and deleted generations stay readable by their number, as Object Versioning does.
// Without it they are gone.
func (b *Bucket) KeepVersions() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.versions = true
}

// Put stores an object and returns its generation, greater than any before.
func (b *Bucket) Put(name string, bytes []byte, contentType string, metadata map[string]string) (generation int64) {
	return b.put(&object{name: name, bytes: bytes, contentType: contentType, metadata: metadata})
}

// PutEncoded stores bytes that are already encoded, with the Content-Encoding named.
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

// Delete removes the generation that lives, if any, and returns it, or 0.
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

// Next has the next requests go wrong, one fault each; after them all is well again.
func (b *Bucket) Next(faults ...Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, faults...)
}

// Requests lists what the server was asked, in order.
func (b *Bucket) Requests() []Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Request(nil), b.requests...)
}

// take notes a request and finds what it asks for, nil for nothing, and what goes wrong.
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
