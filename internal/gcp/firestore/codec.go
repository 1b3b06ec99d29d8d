package firestore

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bucketocr/bucketocr/internal/document"
)

// recordFields returns a record's document, as a listener sees it. Numbers, flags, warnings and usage are always
// present; times, owner, md5, mode, profile, copiedFrom, reuseKey, error, lease, strikes, rereading and retriedBy if
// they are not zero; text only when the record is done and its text fits.
func recordFields(r *document.Record) fields {
	f := make(fields, 32) // a done document has 29 to 31: a map that grows is copied
	f["schema"] = numberValue(document.Schema)
	f["bucket"], f["name"], f["generation"] = textValue(r.Bucket), textValue(r.Name), numberValue(r.Generation)
	f["file"] = textValue(r.Object().URL())
	f["status"] = textValue(string(r.Status))
	f["eventId"] = textValue(r.EventID)
	f.setText("owner", r.Owner)
	f.setMoment("eventTime", r.EventTime)
	f.setMoment("created", r.Created)
	f.setMoment("updated", r.Updated)
	f.setMoment("markerExpires", r.MarkerExpires)
	f.setMoment("due", r.Due)
	if r.Notified != nil {
		f["notified"] = flagValue(*r.Notified)
	}
	if r.Status == document.StatusDeleted {
		return f
	}
	f["contentType"], f["size"], f["metadata"] = textValue(r.ContentType), numberValue(r.Size),
		metadataValue(r.Metadata)
	f["pages"], f["pagesDone"] = numberValue(int64(r.Pages)), numberValue(int64(r.PagesDone))
	f["textInPages"], f["blank"], f["warnings"] = flagValue(r.TextInPages), flagValue(r.Blank), textsValue(r.Warnings)
	f["model"], f["usage"] = textValue(r.Model), usageValue(r.Usage)
	f["attempt"], f["interruptions"] = numberValue(int64(r.Attempt)), numberValue(int64(r.Interruptions))
	f.setMoment("windowStart", r.WindowStart)
	f.setMoment("retried", r.Retried)
	f.setMoment("started", r.Started)
	f.setMoment("finished", r.Finished)
	recordOptional(f, r)
	return f
}

func recordOptional(f fields, r *document.Record) {
	if r.Status == document.StatusDone && !r.TextInPages {
		f["text"] = textValue(r.Text)
	}
	f.setText("md5", r.MD5)
	f.setText("mode", r.Mode)
	f.setText("profile", r.Profile)
	f.setText("copiedFrom", r.CopiedFrom)
	f.setText("reuseKey", r.ReuseKey)
	f.setText("retriedBy", r.RetriedBy)
	if r.Error != nil {
		f["error"] = errorValue(r.Error)
	}
	if r.Lease != nil {
		lease := fields{"id": textValue(r.Lease.ID), "alone": flagValue(r.Lease.Alone)}
		lease.setMoment("expires", r.Lease.Expires)
		if r.Lease.Page > 0 {
			lease["page"] = numberValue(int64(r.Lease.Page))
		}
		f["lease"] = dictValue(lease)
	}
	if len(r.Strikes) > 0 {
		f["strikes"] = strikesValue(r.Strikes)
	}
	if r.Rereading != nil {
		f["rereading"] = rereadingValue(r.Rereading)
	}
}

func strikesValue(strikes document.Strikes) *pb.Value {
	f := fields{}
	for n, s := range strikes {
		one := fields{"count": numberValue(int64(s.Count)), "code": textValue(s.Code)}
		if s.Open {
			one["open"] = flagValue(true)
		}
		f[strconv.Itoa(n)] = dictValue(one)
	}
	return dictValue(f)
}

func readStrikes(f fields) document.Strikes {
	if len(f) == 0 {
		return nil
	}
	strikes := document.Strikes{}
	for page := range f {
		if n, err := strconv.Atoi(page); err == nil {
			one := f.dict(page)
			strikes[n] = document.Strike{Count: one.int("count"), Code: one.text("code"), Open: one.flag("open")}
		}
	}
	return strikes
}

func rereadingValue(r *document.Rereading) *pb.Value {
	f := fields{"by": textValue(r.By)}
	f.setMoment("requested", r.Requested)
	if len(r.Pages) > 0 {
		pages := make([]*pb.Value, len(r.Pages))
		for i, n := range r.Pages {
			pages[i] = numberValue(int64(n))
		}
		f["pages"] = listValue(pages)
	}
	if r.PagesDone > 0 {
		f["pagesDone"] = numberValue(int64(r.PagesDone))
	}
	f.setText("model", r.Model)
	if r.Error != nil {
		f["error"] = errorValue(r.Error)
	}
	return dictValue(f)
}

func readRereading(f fields) *document.Rereading {
	if f == nil {
		return nil
	}
	r := &document.Rereading{
		Requested: f.moment("requested"), By: f.text("by"), PagesDone: f.int("pagesDone"), Model: f.text("model"),
		Error: readError(f.dict("error"))}
	for _, n := range f.list("pages") {
		r.Pages = append(r.Pages, int(n.GetIntegerValue()))
	}
	return r
}

// stored returns the record of a document that Firestore read at the given time; nil for nil.
func stored(doc *pb.Document, at *timestamppb.Timestamp) *document.Stored {
	if doc == nil {
		return nil
	}
	return &document.Stored{
		Record: readRecord(doc.Fields), Version: doc.UpdateTime.AsTime().UnixNano(), ReadAt: at.AsTime()}
}

// readRecord reverses recordFields.
func readRecord(f fields) *document.Record {
	r := &document.Record{
		Bucket: f.text("bucket"), Name: f.text("name"), Generation: f.number("generation"), Owner: f.text("owner"),
		ContentType: f.text("contentType"), Size: f.number("size"), MD5: f.text("md5"),
		Metadata: readMetadata(f.dict("metadata")),
		Status:   document.Status(f.text("status")), Text: f.text("text"), TextInPages: f.flag("textInPages"),
		Pages: f.int("pages"), PagesDone: f.int("pagesDone"), Blank: f.flag("blank"), Warnings: f.texts("warnings"),
		Model: f.text("model"), Mode: f.text("mode"), Profile: f.text("profile"), Usage: readUsage(f.dict("usage")),
		CopiedFrom: f.text("copiedFrom"), ReuseKey: f.text("reuseKey"),
		Attempt: f.int("attempt"), Strikes: readStrikes(f.dict("strikes")), Interruptions: f.int("interruptions"),
		WindowStart: f.moment("windowStart"), Due: f.moment("due"),
		Retried: f.moment("retried"), RetriedBy: f.text("retriedBy"), Rereading: readRereading(f.dict("rereading")),
		Error:   readError(f.dict("error")),
		EventID: f.text("eventId"), EventTime: f.moment("eventTime"),
		Created: f.moment("created"), Started: f.moment("started"), Updated: f.moment("updated"),
		Finished: f.moment("finished"), MarkerExpires: f.moment("markerExpires"),
		Write: f.text("write"),
	}
	if lease := f.dict("lease"); lease != nil {
		r.Lease = &document.Lease{ID: lease.text("id"), Expires: lease.moment("expires"), Alone: lease.flag("alone"),
			Page: lease.int("page")}
	}
	if _, there := f["notified"]; there {
		r.Notified = new(f.flag("notified"))
	}
	upgrade(r, f)
	return r
}

// upgrade brings a record of an older schema up to date.
func upgrade(r *document.Record, f fields) { r.Upgrade(f.int("schema"), f.int("doubts")) }

// pageID returns the id of a page's document. Pages are selected by their generation and number fields; the order of
// ids does not matter.
func pageID(generation int64, page int) string { return fmt.Sprintf("%d-%04d", generation, page) }

// pageFields returns a page's document, without the time that the server sets.
func pageFields(p document.Page) fields {
	f := fields{
		"page": numberValue(int64(p.Page)), "generation": numberValue(p.Generation), "text": textValue(p.Text),
		"warnings": textsValue(p.Warnings), "blank": flagValue(p.Blank),
		"width": numberValue(int64(p.Width)), "height": numberValue(int64(p.Height)), "usage": usageValue(p.Usage),
	}
	if p.Error != nil {
		f["error"] = errorValue(p.Error)
	}
	if p.Turned != 0 {
		f["turned"] = numberValue(int64(p.Turned))
	}
	f.setText("source", p.Source)
	f.setText("model", p.Model)
	if len(p.Blocks) > 0 {
		f["blocks"] = blocksValue(p.Blocks)
	}
	return f
}

// readPage reverses pageFields.
func readPage(f fields) document.Page {
	return document.Page{
		Page: f.int("page"), Generation: f.number("generation"), Text: f.text("text"),
		Warnings: f.texts("warnings"), Blank: f.flag("blank"), Error: readError(f.dict("error")),
		Width: f.int("width"), Height: f.int("height"), Turned: f.int("turned"), Blocks: readBlocks(f.list("blocks")),
		Source: f.text("source"), Model: f.text("model"), Usage: readUsage(f.dict("usage")),
		Finished: f.moment("finished"),
	}
}

func blocksValue(blocks []document.Block) *pb.Value {
	values := make([]*pb.Value, len(blocks))
	for i, b := range blocks {
		var box []*pb.Value
		for _, edge := range b.Box {
			box = append(box, numberValue(int64(edge)))
		}
		f := fields{"label": textValue(b.Label), "box": listValue(box), "text": textValue(b.Text)}
		if b.Continued {
			f["continued"] = flagValue(true)
		}
		values[i] = dictValue(f)
	}
	return listValue(values)
}

func readBlocks(values []*pb.Value) []document.Block {
	var blocks []document.Block
	for _, v := range values {
		f := fields(v.GetMapValue().GetFields())
		b := document.Block{Label: f.text("label"), Continued: f.flag("continued"), Text: f.text("text")}
		for i, edge := range f.list("box") {
			if i < len(b.Box) {
				b.Box[i] = int(edge.GetIntegerValue())
			}
		}
		blocks = append(blocks, b)
	}
	return blocks
}

func usageValue(u document.Usage) *pb.Value {
	return dictValue(fields{
		"promptTokens": numberValue(int64(u.PromptTokens)), "completionTokens": numberValue(int64(u.CompletionTokens)),
	})
}

func readUsage(f fields) document.Usage {
	return document.Usage{PromptTokens: f.int("promptTokens"), CompletionTokens: f.int("completionTokens")}
}

func errorValue(e *document.Error) *pb.Value {
	return dictValue(fields{"code": textValue(e.Code), "message": textValue(e.Message),
		"retryable": flagValue(e.Retryable)})
}

func readError(f fields) *document.Error {
	if f == nil {
		return nil
	}
	return &document.Error{Code: f.text("code"), Message: f.text("message"), Retryable: f.flag("retryable")}
}

// metadataValue returns the object's metadata as a map. Its keys are the uploader's, and with a key that Firestore
// rejects the document could never be written.
func metadataValue(m map[string]string) *pb.Value {
	f := fields{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		key := fieldName(name)
		if _, taken := f[key]; key != "" && (!taken || key == name) {
			f[key] = textValue(m[name])
		}
	}
	return dictValue(f)
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

// maxFieldName limits the keys of metadata, in bytes. Firestore accepts 1,500 for a whole path, including quotes.
const maxFieldName = 1024

// fieldName returns name if Firestore accepts it, or else a similar name: reserved names (__x__) get a leading hyphen,
// and long ones are cut.
func fieldName(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if len(name) >= 4 && strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		name = "-" + name
	}
	return document.Clip(name, maxFieldName)
}

// fields are the fields of a document, or of a map in one. A field that is absent, or of another type, reads as zero.
type fields map[string]*pb.Value

// Firestore values, each made with a single allocation: an event writes about ninety of them. Strings are made valid
// UTF-8: gRPC refuses others, with a code that looks like a transient error.

func textValue(s string) *pb.Value {
	var v struct {
		pb.Value
		held pb.Value_StringValue
	}
	v.held.StringValue = strings.ToValidUTF8(s, "\uFFFD")
	v.ValueType = &v.held
	return &v.Value
}

func numberValue(n int64) *pb.Value {
	var v struct {
		pb.Value
		held pb.Value_IntegerValue
	}
	v.held.IntegerValue = n
	v.ValueType = &v.held
	return &v.Value
}

func flagValue(b bool) *pb.Value {
	var v struct {
		pb.Value
		held pb.Value_BooleanValue
	}
	v.held.BooleanValue = b
	v.ValueType = &v.held
	return &v.Value
}

// momentValue returns a time to the microsecond, Firestore's precision.
func momentValue(t time.Time) *pb.Value {
	var v struct {
		pb.Value
		held pb.Value_TimestampValue
		time timestamppb.Timestamp
	}
	t = t.Truncate(time.Microsecond)
	v.time.Seconds, v.time.Nanos = t.Unix(), int32(t.Nanosecond())
	v.held.TimestampValue = &v.time
	v.ValueType = &v.held
	return &v.Value
}

func dictValue(f fields) *pb.Value {
	var v struct {
		pb.Value
		held pb.Value_MapValue
		dict pb.MapValue
	}
	v.dict.Fields = f
	v.held.MapValue = &v.dict
	v.ValueType = &v.held
	return &v.Value
}

func listValue(values []*pb.Value) *pb.Value {
	var v struct {
		pb.Value
		held pb.Value_ArrayValue
		list pb.ArrayValue
	}
	v.list.Values = values
	v.held.ArrayValue = &v.list
	v.ValueType = &v.held
	return &v.Value
}

func textsValue(strs []string) *pb.Value {
	values := make([]*pb.Value, len(strs))
	for i, s := range strs {
		values[i] = textValue(s)
	}
	return listValue(values)
}

// setText sets a text unless it is empty.
func (f fields) setText(name, s string) {
	if s != "" {
		f[name] = textValue(s)
	}
}

// setMoment sets a time unless it is zero.
func (f fields) setMoment(name string, t time.Time) {
	if !t.IsZero() {
		f[name] = momentValue(t)
	}
}

func (f fields) text(name string) string  { return f[name].GetStringValue() }
func (f fields) number(name string) int64 { return f[name].GetIntegerValue() }
func (f fields) int(name string) int      { return int(f[name].GetIntegerValue()) }
func (f fields) flag(name string) bool    { return f[name].GetBooleanValue() }
func (f fields) dict(name string) fields  { return f[name].GetMapValue().GetFields() }

func (f fields) list(name string) []*pb.Value { return f[name].GetArrayValue().GetValues() }

func (f fields) moment(name string) time.Time {
	if t := f[name].GetTimestampValue(); t != nil {
		return t.AsTime()
	}
	return time.Time{}
}

func (f fields) texts(name string) []string {
	var strs []string
	for _, v := range f.list(name) {
		strs = append(strs, v.GetStringValue())
	}
	return strs
}
