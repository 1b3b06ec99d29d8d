package local

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/pipeline"
	"github.com/bucketocr/bucketocr/internal/pipeline/pipelinetest"
)

// openWorld opens dir until the test ends.
func openWorld(t testing.TB, dir string) *World {
	t.Helper()
	w, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeWorld(t, w) })
	return w
}

func closeWorld(t testing.TB, w *World) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// put stores r as it is under its own id.
func put(t testing.TB, w *World, r pipeline.Record, pages ...pipeline.PageRecord) *pipeline.Stored {
	t.Helper()
	got, err := w.Update(t.Context(), r.Object().ID(), nil, func(*pipeline.Record) (*pipeline.Change, error) {
		return &pipeline.Change{Record: &r, Pages: pages}, nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return got
}

// get reads the record of a name, which has to be there.
func get(t testing.TB, s *Store, name string) *pipeline.Stored {
	t.Helper()
	got, err := s.Get(t.Context(), pipeline.Object{Bucket: s.Bucket(), Name: name}.ID())
	if err != nil || got == nil {
		t.Fatalf("Get of %s = %v, %v", name, got, err)
	}
	return got
}

// retrying is a small record in the bucket of w.
func retrying(w *World, name string) pipeline.Record {
	return pipeline.Record{Bucket: w.Bucket(), Name: name, Generation: 7, Status: pipeline.Retrying, Due: time.Unix(1, 0)}
}

func TestRecords(t *testing.T) {
	pipelinetest.Records(t, func(t *testing.T) pipeline.Records { return openWorld(t, t.TempDir()) })
}

// What one process wrote, the next one reads: every field, times to the nanosecond, in UTC.
func TestReopenKeepsEveryField(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
	var r pipeline.Record
	var p pipeline.PageRecord
	fill(reflect.ValueOf(&r).Elem(), new(int64))
	fill(reflect.ValueOf(&p).Elem(), new(int64))
	p.Generation = r.Generation
	stored := put(t, w, r, p)
	closeWorld(t, w)

	w = openWorld(t, dir)
	again, err := w.Get(t.Context(), r.Object().ID())
	if err != nil || !reflect.DeepEqual(again, stored) {
		t.Errorf("after reopening:\n%+v, %v\nwant\n%+v", again, err, stored)
	}
	inUTC(reflect.ValueOf(&r).Elem())
	r.Write, r.Updated = again.Write, again.Updated
	if !reflect.DeepEqual(again.Record, &r) {
		t.Errorf("record is\n%+v\nwant\n%+v", again.Record, &r)
	}
	pages, err := w.Pages(t.Context(), r.Object().ID(), r.Generation)
	inUTC(reflect.ValueOf(&p).Elem())
	p.Finished = again.Updated // one commit, one time
	if err != nil || len(pages) != 1 || !reflect.DeepEqual(pages[0], p) {
		t.Errorf("pages are\n%+v, %v\nwant\n%+v", pages, err, p)
	}
}

// fill gives every field a value of its own; one that it cannot fill is a new kind of field, which the test must learn.
func fill(v reflect.Value, n *int64) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat("x", int(*n)))
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"key": "value"}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			east := time.FixedZone("east", 3600)
			v.Set(reflect.ValueOf(time.Date(2024, 2, 29, 1, 2, 3, int(*n)*1000+1, east)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("a field of kind " + v.Kind().String())
	}
}

// inUTC says every time in UTC.
func inUTC(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer:
		inUTC(v.Elem())
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(v.Interface().(time.Time).UTC()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			inUTC(v.Field(i))
		}
	}
}

// A person who opens the database with another tool finds the names that the design gives to the fields.
func TestStoredNames(t *testing.T) {
	w := openWorld(t, t.TempDir())
	r := retrying(w, "a.png")
	r.Lease = &pipeline.Lease{ID: "L"}
	r.Usage.PromptTokens = 5
	put(t, w, r)
	var got string
	err := w.read.QueryRow(`SELECT json_extract(doc, '$.name') || json_extract(doc, '$.lease.id') ||
		json_extract(doc, '$.usage.promptTokens') || json_extract(doc, '$.schema') FROM records`).Scan(&got)
	if err != nil || got != "a.pngL51" {
		t.Errorf("stored fields read %q, %v", got, err)
	}
}

// A commit whose answer is lost is not made twice; one that was not made is reported.
func TestLostAnswer(t *testing.T) {
	for _, test := range []struct {
		name   string
		commit func(*sql.Tx) error
		stands bool
	}{
		{"applied", func(tx *sql.Tx) error { return errors.Join(tx.Commit(), errors.New("answer lost")) }, true},
		{"not applied", func(tx *sql.Tx) error { return errors.Join(tx.Rollback(), errors.New("disk on fire")) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := openWorld(t, t.TempDir())
			first := put(t, w, retrying(w, "a"))
			w.commit = test.commit
			calls := 0
			got, err := w.Update(t.Context(), first.Object().ID(), first, func(old *pipeline.Record) (*pipeline.Change, error) {
				calls++
				next := *old
				next.Faults++
				return &pipeline.Change{Record: &next}, nil
			})
			stands := get(t, w.Store, "a")
			if test.stands && (err != nil || !reflect.DeepEqual(got, stands) || stands.Faults != 1) {
				t.Errorf("Update = %+v, %v; there stands %+v", got, err, stands)
			}
			if !test.stands && (!errors.Is(err, pipeline.ErrStoreUnavailable) || stands.Version != first.Version) {
				t.Errorf("Update: %v; there stands %+v", err, stands)
			}
			if calls != 1 {
				t.Errorf("computed %d times", calls)
			}
		})
	}
}

func TestErrorClasses(t *testing.T) {
	w := openWorld(t, t.TempDir())
	update := func(w *World, r pipeline.Record) error {
		_, err := w.Update(t.Context(), "id", nil, func(*pipeline.Record) (*pipeline.Change, error) {
			return &pipeline.Change{Record: &r}, nil
		})
		return err
	}
	late := retrying(w, "late")
	late.Finished = time.Date(12024, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := update(w, late); !errors.Is(err, pipeline.ErrStoreRejected) {
		t.Errorf("a time that JSON has no form for: %v", err)
	}
	if _, err := w.write.Exec("PRAGMA max_page_count = 1"); err != nil { // no page more than there are
		t.Fatal(err)
	}
	big := retrying(w, "big")
	big.Text = strings.Repeat("x", 100_000)
	if err := update(w, big); !errors.Is(err, pipeline.ErrStoreUnavailable) || !strings.Contains(err.Error(), "full") {
		t.Errorf("a full disk: %v", err)
	}
	if _, err := w.write.Exec("PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	if err := update(w, retrying(w, "ro")); !errors.Is(err, pipeline.ErrStoreMisconfigured) {
		t.Errorf("a database that may not be written: %v", err)
	}
	closeWorld(t, w)
	if err := update(w, retrying(w, "closed")); !errors.Is(err, pipeline.ErrStoreUnavailable) {
		t.Errorf("a closed store: %v", err)
	}
}

func TestDueBeyondTime(t *testing.T) {
	w := openWorld(t, t.TempDir())
	r := retrying(w, "never")
	r.Due = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	put(t, w, r)
	for _, test := range []struct {
		now   time.Time
		limit int
		want  int
	}{
		{time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), 9, 0},
		{time.Time{}, 9, 0},
		{time.Date(9001, 1, 1, 0, 0, 0, 0, time.UTC), 9, 1},
		{time.Date(9001, 1, 1, 0, 0, 0, 0, time.UTC), -1, 0},
	} {
		if got, err := w.Due(t.Context(), test.now, test.limit); len(got) != test.want || err != nil {
			t.Errorf("Due(%v, %d) = %d records, %v; want %d", test.now, test.limit, len(got), err, test.want)
		}
	}
}

// Watch reads in batches; more records than one of them all come, once, in the order of their commits.
func TestWatchManyBatches(t *testing.T) {
	w := openWorld(t, t.TempDir())
	const n = 3*watchBatch + 1
	for i := range n {
		put(t, w, retrying(w, strings.Repeat("n", i+1)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lengths []int
	err := w.Watch(ctx, func(_ string, r *pipeline.Record) error {
		if lengths = append(lengths, len(r.Name)); len(lengths) == n {
			cancel()
		}
		return nil
	})
	if err != nil || len(lengths) != n {
		t.Fatalf("Watch saw %d records, %v; want %d", len(lengths), err, n)
	}
	for i, l := range lengths {
		if l != i+1 {
			t.Fatalf("record %d came in place %d", l, i+1)
		}
	}
}

func TestWatchEndsWithTheStore(t *testing.T) {
	w := openWorld(t, t.TempDir())
	put(t, w, retrying(w, "a"))
	err := w.Watch(t.Context(), func(string, *pipeline.Record) error { return w.Close() })
	if !errors.Is(err, pipeline.ErrStoreUnavailable) {
		t.Errorf("Watch over a closed store: %v", err)
	}
}
