package gcp

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"

	"github.com/bucketocr/bucketocr/internal/document"
)

// recordFields is the document of a record, as a listener sees it. Numbers, flags, warnings and usage are always there;
// times, error, lease and retriedBy where they are not zero; text only when the record is done and its text fits.
func recordFields(r *document.Record) fields {
	f := fields{
		"schema": number(document.Schema),
		"bucket": text(r.Bucket), "name": text(r.Name), "generation": number(r.Generation),
		"status":  text(string(r.Status)),
		"eventId": text(r.EventID),
	}
	f.setMoment("eventTime", r.EventTime)
	f.setMoment("created", r.Created)
	f.setMoment("updated", r.Updated)
	f.setMoment("markerExpires", r.MarkerExpires)
	if r.Status == document.StatusDeleted {
		return f
	}
	maps.Copy(f, fields{
		"contentType": text(r.ContentType), "size": number(r.Size), "metadata": metadataValue(r.Metadata),
		"textInPages": flag(r.TextInPages), "pages": number(int64(r.Pages)), "pagesDone": number(int64(r.PagesDone)),
		"blank": flag(r.Blank), "warnings": texts(r.Warnings),
		"model": text(r.Model), "usage": usageValue(r.Usage),
		"attempt": number(int64(r.Attempt)), "faults": number(int64(r.Faults)), "doubts": number(int64(r.Doubts)),
	})
	f.setMoment("windowStart", r.WindowStart)
	f.setMoment("due", r.Due)
	f.setMoment("retried", r.Retried)
	f.setMoment("started", r.Started)
	f.setMoment("finished", r.Finished)
	recordOptional(f, r)
	return f
}

func recordOptional(f fields, r *document.Record) {
	if r.Status == document.StatusDone && !r.TextInPages {
		f["text"] = text(r.Text)
	}
	if r.RetriedBy != "" {
		f["retriedBy"] = text(r.RetriedBy)
	}
	if r.Error != nil {
		f["error"] = errorValue(r.Error)
	}
	if r.Lease != nil {
		lease := fields{"id": text(r.Lease.ID), "alone": flag(r.Lease.Alone)}
		lease.setMoment("expires", r.Lease.Expires)
		f["lease"] = dict(lease)
	}
}

// readRecord is recordFields the other way.
func readRecord(f fields) *document.Record {
	r := &document.Record{
		Bucket: f.text("bucket"), Name: f.text("name"), Generation: f.number("generation"),
		ContentType: f.text("contentType"), Size: f.number("size"), Metadata: readMetadata(f.dict("metadata")),
		Status: document.Status(f.text("status")), Text: f.text("text"), TextInPages: f.flag("textInPages"),
		Pages: f.int("pages"), PagesDone: f.int("pagesDone"), Blank: f.flag("blank"), Warnings: f.texts("warnings"),
		Model: f.text("model"), Usage: readUsage(f.dict("usage")),
		Attempt: f.int("attempt"), Faults: f.int("faults"), Doubts: f.int("doubts"),
		WindowStart: f.moment("windowStart"), Due: f.moment("due"),
		Retried: f.moment("retried"), RetriedBy: f.text("retriedBy"), Error: readError(f.dict("error")),
		EventID: f.text("eventId"), EventTime: f.moment("eventTime"),
		Created: f.moment("created"), Started: f.moment("started"), Updated: f.moment("updated"),
		Finished: f.moment("finished"), MarkerExpires: f.moment("markerExpires"),
		Write: f.text("write"),
	}
	if lease := f.dict("lease"); lease != nil {
		r.Lease = &document.Lease{ID: lease.text("id"), Expires: lease.moment("expires"), Alone: lease.flag("alone")}
	}
	return r
}

func usageValue(u document.Usage) *pb.Value {
	return dict(fields{
		"promptTokens": number(int64(u.PromptTokens)), "completionTokens": number(int64(u.CompletionTokens)),
	})
}

func readUsage(f fields) document.Usage {
	return document.Usage{PromptTokens: f.int("promptTokens"), CompletionTokens: f.int("completionTokens")}
}

func errorValue(e *document.Error) *pb.Value {
	return dict(fields{"code": text(e.Code), "message": text(e.Message), "retryable": flag(e.Retryable)})
}

func readError(f fields) *document.Error {
	if f == nil {
		return nil
	}
	return &document.Error{Code: f.text("code"), Message: f.text("message"), Retryable: f.flag("retryable")}
}

// metadataValue is the object's own metadata. Its keys come from the uploader, and a document with a key that Firestore
// does not take could never be written at all, so that its object would end nowhere.
func metadataValue(m map[string]string) *pb.Value {
	f := fields{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		key := fieldName(name)
		if _, taken := f[key]; key != "" && (!taken || key == name) {
			f[key] = text(m[name])
		}
	}
	return dict(f)
}

func readMetadata(f fields) map[string]string {
	if len(f) == 0 {
		return nil
	}
	m := make(map[string]string, len(f))
	for name, v := range f {
		m[name] = v.GetStringValue()
	}
	return m
}

// maxFieldName bounds the names of metadata, in bytes. Firestore takes 1,500 for a whole path, quotes and all.
const maxFieldName = 1024

// fieldName is name where Firestore takes it, else the nearest that it takes: reserved names (__x__) are preceded by a
// hyphen, long ones cut. The empty name has none.
func fieldName(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if len(name) >= 4 && strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		name = "-" + name
	}
	if len(name) <= maxFieldName {
		return name
	}
	end := maxFieldName
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}
