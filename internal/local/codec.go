package local

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// utc says all times in UTC, so that what is read does not depend on the writer's time zone.
func (f *recordFields) utc() {
	for _, t := range []*time.Time{
		&f.WindowStart, &f.Due, &f.Retried, &f.EventTime,
		&f.Created, &f.Started, &f.Updated, &f.Finished, &f.MarkerExpires,
	} {
		*t = t.UTC()
	}
}

// EncodeRecord is a record as JSON, under the names that its document's fields have in Firestore too.
func EncodeRecord(r *document.Record) ([]byte, error) {
	d := recordDoc{
		recordFields: recordFields(*r),
		Usage:        usageDoc(r.Usage),
		Error:        (*errorDoc)(r.Error),
		Schema:       document.Schema,
	}
	d.utc()
	if r.Lease != nil {
		d.Lease = &leaseDoc{ID: r.Lease.ID, Expires: r.Lease.Expires.UTC(), Alone: r.Lease.Alone}
	}
	return encode(d)
}

func decodeRecord(doc []byte) (*document.Record, error) {
	var d recordDoc
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, damaged(err)
	}
	if d.Schema != document.Schema {
		return nil, damaged(fmt.Errorf("record of schema %d", d.Schema))
	}
	r := document.Record(d.recordFields)
	r.Usage = document.Usage(d.Usage)
	r.Error = (*document.Error)(d.Error)
	r.Lease = (*document.Lease)(d.Lease)
	return &r, nil
}

// EncodePage is a page document as JSON, as [EncodeRecord].
func EncodePage(p document.Page) ([]byte, error) {
	d := pageDoc{pageFields: pageFields(p), Error: (*errorDoc)(p.Error), Usage: usageDoc(p.Usage)}
	d.Finished = d.Finished.UTC()
	for _, b := range p.Blocks {
		d.Blocks = append(d.Blocks, blockDoc(b))
	}
	return encode(d)
}

func decodePage(doc []byte) (document.Page, error) {
	var d pageDoc
	if err := json.Unmarshal(doc, &d); err != nil {
		return document.Page{}, damaged(err)
	}
	p := document.Page(d.pageFields)
	p.Error = (*document.Error)(d.Error)
	p.Usage = document.Usage(d.Usage)
	for _, b := range d.Blocks {
		p.Blocks = append(p.Blocks, document.Block(b))
	}
	return p, nil
}

// encode refuses what JSON cannot say (a time beyond the year 9999). In strings that are not UTF-8 each bad byte becomes
// U+FFFD.
func encode(v any) ([]byte, error) {
	doc, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", document.ErrStoreRejected, err)
	}
	return doc, nil
}
