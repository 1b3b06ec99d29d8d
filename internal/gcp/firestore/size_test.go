package firestore

import (
	"reflect"
	"strings"
	"testing"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/bucketocr/bucketocr/internal/document"
)

// fill gives every text in v the same value, lists n elements and numbers the maximum, including fields added in
// future.
func fill(v reflect.Value, text string, n int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		v.SetInt(1<<63 - 1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), text, n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), text, n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				fill(f, text, n)
			}
		}
	}
}

// The domain's estimate of a page's size is never less than the bytes sent, whatever its contents.
func TestPageSizeIsNeverTooLow(t *testing.T) {
	t.Parallel()
	c := conn{
		database:   "projects/" + strings.Repeat("p", 63) + "/databases/" + strings.Repeat("d", 63),
		collection: strings.Repeat("c", 1500),
	}
	for name, text := range map[string]string{
		"empty": "", "short": "a", "long": strings.Repeat("x", 100_000), "not UTF-8": strings.Repeat("a\xff", 50_000),
	} {
		for _, n := range []int{0, 1, 40} {
			var p document.Page
			fill(reflect.ValueOf(&p).Elem(), text, n)
			write := c.pageWrite(strings.Repeat("f", 64), p)
			sent := proto.Size(&pb.CommitRequest{Writes: []*pb.Write{write}})
			if p.Size() < sent {
				t.Errorf("%s, lists of %d: Size = %d, sent are %d bytes", name, n, p.Size(), sent)
			}
		}
	}
}

// The pages that [document.Batches] puts into one commit fit, together with the largest record.
func TestBatchesFit(t *testing.T) {
	t.Parallel()
	c := conn{database: "projects/p/databases/(default)", collection: "ocr_documents"}
	r := &document.Record{Status: document.StatusDone, Text: strings.Repeat("x", document.MaxTextBytes),
		Metadata: map[string]string{}}
	for i := range 8 {
		r.Metadata[strings.Repeat("k", i+1)] = strings.Repeat("v", 8<<10)
	}
	var pages []document.Page
	for n := range 30 {
		pages = append(pages, document.Page{Page: n + 1, Text: strings.Repeat("x", document.MaxTextBytes)})
	}
	for _, part := range document.Batches(pages) {
		writes := []*pb.Write{c.recordWrite("id", nil, &document.Change{Record: r})}
		for _, p := range part {
			writes = append(writes, c.pageWrite("id", p))
		}
		if n := proto.Size(&pb.CommitRequest{Database: c.database, Writes: writes}); n > maxCommit {
			t.Errorf("a commit of %d pages has %d bytes, more than %d", len(part), n, maxCommit)
		}
	}
}

// A commit over the limit is refused before it is sent, with the code that Firestore gives it; as few documents as are
// not measured fit, each as large as a document can be.
func TestTooLargeACommitIsRefused(t *testing.T) {
	t.Parallel()
	c := &conn{database: "projects/p/databases/(default)", collection: "ocr_documents"}
	largest := func(n int) (writes []*pb.Write) {
		for range n {
			writes = append(writes, replace("d", fields{"text": textValue(strings.Repeat("x", 1<<20))}, nil))
		}
		return writes
	}
	if n := proto.Size(&pb.CommitRequest{Writes: largest(fewWrites)}); n > maxCommit {
		t.Errorf("%d documents are %d bytes, more than %d", fewWrites, n, maxCommit)
	}
	if _, err := c.write(t.Context(), largest(fewWrites+1)); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a commit of %d documents of 1 MiB: %v", fewWrites+1, err)
	}
}
