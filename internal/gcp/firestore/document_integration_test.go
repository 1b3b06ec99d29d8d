//go:build integration

package firestore

import (
	"reflect"
	"testing"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"

	"github.com/bucketocr/bucketocr/internal/document"
)

// plain converts a Firestore value to a Go value.

func plain(v *pb.Value) any {
	switch v := v.GetValueType().(type) {
	case *pb.Value_StringValue:
		return v.StringValue
	case *pb.Value_IntegerValue:
		return int(v.IntegerValue)
	case *pb.Value_BooleanValue:
		return v.BooleanValue
	case *pb.Value_TimestampValue:
		return v.TimestampValue.AsTime()
	case *pb.Value_MapValue:
		return plainMap(v.MapValue.Fields)
	case *pb.Value_ArrayValue:
		values := []any{}
		for _, e := range v.ArrayValue.Values {
			values = append(values, plain(e))
		}
		return values
	}
	return v
}

func plainMap(f map[string]*pb.Value) map[string]any {
	m := map[string]any{}
	for name, v := range f {
		m[name] = plain(v)
	}
	return m
}

// storedDocument returns the document in the emulator.

func storedDocument(t *testing.T, r *Store, name string) map[string]any {
	t.Helper()
	s, err := r.open(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := s.rpc.GetDocument(t.Context(), &pb.GetDocumentRequest{Name: s.recordName(name)})
	if err != nil {
		t.Fatal(err)
	}
	return plainMap(doc.Fields)
}

func at(minutes int) time.Time {
	return time.Date(2026, 11, 23, 10, minutes, 11, 482_913_000, time.UTC)
}

// always returns the fields of a zero record's document, which all documents except markers have.

func always() map[string]any {
	return map[string]any{
		"schema": 2, "bucket": "b", "name": "n", "file": "gs://b/n", "generation": 5, "contentType": "", "size": 0,
		"metadata": map[string]any{}, "status": "processing", "textInPages": false, "pages": 0, "pagesDone": 0,
		"blank": false, "warnings": []any{}, "model": "", "eventId": "",
		"usage":   map[string]any{"promptTokens": 0, "completionTokens": 0},
		"attempt": 0, "interruptions": 0,
	}
}

// The document, field by field. Listeners depend on it: change it only with the schema.

func TestRecordDocument(t *testing.T) {
	t.Parallel()
	r := emulated(t)
	for name, test := range map[string]struct {
		record document.Record
		stamps document.Stamps
		want   func(map[string]any)
	}{
		"empty": {document.Record{}, 0, func(map[string]any) {}},
		"processing": {document.Record{
			Owner: "ada", MD5: "900150983cd24fb0d6963f7d28e17f72", ContentType: "image/png", Size: 481233,
			Metadata: map[string]string{"uploader": "scanner-3"}, Attempt: 2,
			WindowStart: at(1), Due: at(2), Lease: &document.Lease{ID: "l", Expires: at(3), Alone: true, Page: 4},
			EventID: "e", EventTime: at(0),
		}, document.StampCreated | document.StampStarted, func(m map[string]any) {
			m["owner"], m["md5"] = "ada", "900150983cd24fb0d6963f7d28e17f72"
			m["contentType"], m["size"], m["metadata"] = "image/png", 481233, map[string]any{"uploader": "scanner-3"}
			m["attempt"], m["windowStart"], m["due"], m["eventId"], m["eventTime"] = 2, at(1), at(2), "e", at(0)
			m["lease"] = map[string]any{"id": "l", "expires": at(3), "alone": true, "page": 4}
			m["created"], m["started"] = "server", "server"
		}},
		"retrying": {document.Record{
			Status: document.StatusRetrying, Interruptions: 1,
			Strikes: document.Strikes{7: {Count: 1, Code: "ocr_failed"}, 9: {Code: "ocr_timeout", Open: true}},
			Due:     at(2), Retried: at(4), RetriedBy: "me", Created: at(5),
			Error: &document.Error{Code: "ocr_timeout", Message: "m", Retryable: true}, Text: "of a page",
		}, 0, func(m map[string]any) {
			m["status"], m["interruptions"], m["due"] = "retrying", 1, at(2)
			m["strikes"] = map[string]any{
				"7": map[string]any{"count": 1, "code": "ocr_failed"},
				"9": map[string]any{"count": 0, "code": "ocr_timeout", "open": true},
			}
			m["retried"], m["retriedBy"], m["created"] = at(4), "me", at(5)
			m["error"] = map[string]any{"code": "ocr_timeout", "message": "m", "retryable": true}
		}},
		"done": {document.Record{
			Status: document.StatusDone, Text: "a\f\nb", Pages: 2, PagesDone: 2,
			Warnings: []string{"damaged", "truncated"},
			Model:    "m", Usage: document.Usage{PromptTokens: 7, CompletionTokens: 8}, Started: at(1),
		}, document.StampFinished, func(m map[string]any) {
			m["status"], m["text"], m["pages"], m["pagesDone"] = "done", "a\f\nb", 2, 2
			m["warnings"], m["model"] = []any{"damaged", "truncated"}, "m"
			m["usage"] = map[string]any{"promptTokens": 7, "completionTokens": 8}
			m["started"], m["finished"] = at(1), "server"
		}},
		"blank": {document.Record{Status: document.StatusDone, Blank: true}, 0, func(m map[string]any) {
			m["status"], m["text"], m["blank"] = "done", "", true
		}},
		"text in pages": {document.Record{Status: document.StatusDone, TextInPages: true}, 0, func(m map[string]any) {
			m["status"], m["textInPages"] = "done", true
		}},
	} {
		t.Run(name, func(t *testing.T) {
			test.record.Bucket, test.record.Name, test.record.Generation = "b", "n", 5
			if test.record.Status == "" {
				test.record.Status = document.StatusProcessing
			}
			want := always()
			test.want(want)
			checkDocument(t, r, document.Change{Record: &test.record, Stamps: test.stamps}, want)
		})
	}
}

// A marker has only the fields by which a late event is recognised, and nothing else of the object.

func TestMarkerDocument(t *testing.T) {
	t.Parallel()
	r := emulated(t)
	marker := &document.Record{
		Bucket: "b", Name: "n", Generation: 5, Status: document.StatusDeleted, Owner: "ada", EventID: "e",
		EventTime:     at(0),
		MarkerExpires: at(9), Created: at(1), Text: "secret", Model: "m", Attempt: 3,
		Metadata: map[string]string{"a": "b"},
	}
	checkDocument(t, r, document.Change{Record: marker}, map[string]any{
		"schema": 2, "bucket": "b", "name": "n", "file": "gs://b/n", "owner": "ada", "generation": 5,
		"status": "deleted", "eventId": "e", "eventTime": at(0),
		"created": at(1), "markerExpires": at(9),
	})
}

// checkDocument stores a change and compares the document with want, in which "server" is the server's time.

func checkDocument(t *testing.T, r *Store, change document.Change, want map[string]any) {
	t.Helper()
	replace := func(*document.Record) (*document.Change, error) { return &change, nil }
	stored, err := document.Update(t.Context(), r, "id", document.Unread(), replace)
	if err != nil {
		t.Fatal(err)
	}
	want["updated"], want["write"] = "server", stored.Write
	for name, value := range want {
		if value == "server" {
			want[name] = stored.Updated
		}
	}
	got := storedDocument(t, r, "id")
	for name, value := range want {
		if !reflect.DeepEqual(got[name], value) {
			t.Errorf("%s = %#v, want %#v", name, got[name], value)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("the document holds besides: %v", got)
	}
}

func TestPageDocument(t *testing.T) {
	t.Parallel()
	r := emulated(t)
	pages := []document.Page{
		{Page: 1, Generation: 5},
		{
			Page: 12, Generation: 5, Text: "t", Warnings: []string{"truncated"}, Blank: true, Width: 3, Height: 4,
			Turned: 90,
			Error:  &document.Error{Code: "corrupt", Message: "m"},
			Blocks: []document.Block{
				{Label: "title", Box: [4]int{1, 2, 3, 4}, Text: "t"},
				{Label: "text", Continued: true, Box: [4]int{5, 6, 7, 8}, Text: "u"},
			},
			Usage: document.Usage{PromptTokens: 7, CompletionTokens: 8},
		},
	}
	stored, err := document.Update(t.Context(), r, "id", document.Unread(),
		func(*document.Record) (*document.Change, error) {
			return &document.Change{Record: &document.Record{}, Pages: pages}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]map[string]any{
		"5-0001": {
			"page": 1, "generation": 5, "text": "", "warnings": []any{}, "blank": false, "width": 0, "height": 0,
			"usage": map[string]any{"promptTokens": 0, "completionTokens": 0},
		},
		"5-0012": {
			"page": 12, "generation": 5, "text": "t", "warnings": []any{"truncated"}, "blank": true, "width": 3,
			"height": 4, "turned": 90,
			"error": map[string]any{"code": "corrupt", "message": "m", "retryable": false},
			"blocks": []any{
				map[string]any{"label": "title", "box": []any{1, 2, 3, 4}, "text": "t"},
				map[string]any{"label": "text", "continued": true, "box": []any{5, 6, 7, 8}, "text": "u"},
			},
			"usage": map[string]any{"promptTokens": 7, "completionTokens": 8},
		},
	} {
		want["finished"] = stored.Updated
		if got := storedDocument(t, r, "id/ocr_pages/"+id); !reflect.DeepEqual(got, want) {
			t.Errorf("page %s is %v\nwant %v", id, got, want)
		}
	}
}

// Documents of other programs are no problem: fields of a wrong type read as zero.

// An exact key is never replaced by one that was only converted to it.
