package document

import (
	"encoding/json"
	"fmt"
	"time"
)

// EncodeRecord returns the record as JSON with its schema, field names as in Firestore, and times in UTC. In invalid
// UTF-8 each bad byte becomes U+FFFD. The error wraps [ErrStoreRejected] if JSON cannot represent a value: a time
// beyond the year 9999.
func EncodeRecord(r *Record) ([]byte, error) {
	utc := r.clone()
	for _, t := range []*time.Time{
		&utc.WindowStart, &utc.Due, &utc.Retried, &utc.EventTime,
		&utc.Created, &utc.Started, &utc.Updated, &utc.Finished, &utc.MarkerExpires,
	} {
		*t = t.UTC()
	}
	if utc.Lease != nil {
		utc.Lease.Expires = utc.Lease.Expires.UTC()
	}
	if utc.Rereading != nil {
		utc.Rereading.Requested = utc.Rereading.Requested.UTC()
	}
	return encode(schemedRecord{Record: *utc, File: r.Object().URL(), Schema: Schema})
}

type schemedRecord struct {
	Record
	File   string `json:"file"` // redundant with bucket and name, for clients that look for it
	Schema int    `json:"schema"`
	Doubts int    `json:"doubts,omitempty"` // of schema 1
}

// DecodeRecord is the inverse of [EncodeRecord].
func DecodeRecord(doc []byte) (*Record, error) {
	var r schemedRecord
	if err := json.Unmarshal(doc, &r); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if r.Schema < 1 || r.Schema > Schema {
		return nil, fmt.Errorf("record of schema %d, want %d or older", r.Schema, Schema)
	}
	r.Upgrade(r.Schema, r.Doubts)
	return &r.Record, nil
}

// EncodePage returns a page document as JSON, like [EncodeRecord].
func EncodePage(p Page) ([]byte, error) {
	p.Finished = p.Finished.UTC()
	return encode(p)
}

// DecodePage is the inverse of [EncodePage].
func DecodePage(doc []byte) (Page, error) {
	var p Page
	if err := json.Unmarshal(doc, &p); err != nil {
		return Page{}, fmt.Errorf("page: %w", err)
	}
	return p, nil
}

func encode(v any) ([]byte, error) {
	doc, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStoreRejected, err)
	}
	return doc, nil
}
