package document

import (
	"testing"
	"time"
)

func origin() (*Record, Reader) {
	return &Record{Bucket: "b", Name: "n", MD5: "900150983cd24fb0d6963f7d28e17f72", Size: 3, Owner: "u"},
		Reader{Model: "m", Mode: "plain", Profile: "p"}
}

// TestReuseKeyIsOfBytesOwnerAndReader: a difference in any of them gives another key; name, type and generation do not
// matter.
func TestReuseKeyIsOfBytesOwnerAndReader(t *testing.T) {
	r, by := origin()
	keys := map[string]string{ReuseKey(r, by): "the first"}
	for what, change := range map[string]func(*Record, *Reader){
		"MD5":                    func(r *Record, _ *Reader) { r.MD5 = "d41d8cd98f00b204e9800998ecf8427e" },
		"size":                   func(r *Record, _ *Reader) { r.Size = 4 },
		"owner":                  func(r *Record, _ *Reader) { r.Owner = "v" },
		"no owner":               func(r *Record, _ *Reader) { r.Owner = "" },
		"model":                  func(_ *Record, by *Reader) { by.Model = "n" },
		"mode":                   func(_ *Record, by *Reader) { by.Mode = "layout" },
		"profile":                func(_ *Record, by *Reader) { by.Profile = "q" },
		"text of PDFs":           func(_ *Record, by *Reader) { by.PDFText = true },
		"owner and model":        func(r *Record, by *Reader) { r.Owner, by.Model = "m", "u" },
		"a quote in the owner":   func(r *Record, by *Reader) { r.Owner, by.Model = `u" "m`, "plain" },
		"a space in the profile": func(_ *Record, by *Reader) { by.Mode, by.Profile = "plain p", "" },
	} {
		r, by := origin()
		change(r, &by)
		key := ReuseKey(r, by)
		if other, taken := keys[key]; taken || key == "" {
			t.Errorf("%s: the key %q is that of %s", what, key, other)
		}
		keys[key] = what
	}
	same, _ := origin()
	same.Name, same.Generation, same.ContentType, same.Attempt = "other", 7, "x/y", 3
	if keys[ReuseKey(same, by)] != "the first" {
		t.Error("what the bytes do not tell makes another key")
	}
	for what, change := range map[string]func(*Record, *Reader){
		"no MD5":   func(r *Record, _ *Reader) { r.MD5 = "" },
		"no size":  func(r *Record, _ *Reader) { r.Size = 0 },
		"no model": func(_ *Record, by *Reader) { by.Model = "" },
		"no mode":  func(_ *Record, by *Reader) { by.Mode = "" },
	} {
		r, by := origin()
		if change(r, &by); ReuseKey(r, by) != "" {
			t.Errorf("%s, and there is a key", what)
		}
	}
}

// TestTextMayBeCopiedWhileNothingIsAgainstIt: the key is set at an end without warnings, and removed by a request or a
// new generation.
func TestTextMayBeCopiedWhileNothingIsAgainstIt(t *testing.T) {
	r, by := origin()
	r.Status, r.Attempt, r.Lease = StatusProcessing, 1, &Lease{ID: "mine", Expires: now.Add(time.Minute)}
	contents := Contents{Pages: 1, Read: 1, Text: "t", Model: "m", Reader: by, Copied: "first"}
	done := Complete(r, contents).Record
	if done.ReuseKey != ReuseKey(r, by) || done.Mode != "plain" || done.Profile != "p" || done.CopiedFrom != "first" {
		t.Errorf("%+v", done)
	}
	again, err := retry(done, retrial{now: now})
	if err != nil || again.Record.ReuseKey != "" || again.Record.Rereading == nil {
		t.Errorf("to be read again: %+v, %v", again, err)
	}
	if c, _ := (Rules{}).Claim(done, finalized(9), Claimant{Now: now}); c.Record.ReuseKey != "" ||
		c.Record.CopiedFrom != "" || c.Record.Mode != "" {
		t.Errorf("a new generation: %+v", c.Record)
	}
	contents.Warnings = []string{WarnTruncated}
	if warned := Complete(done, contents).Record; warned.ReuseKey != "" {
		t.Errorf("with a warning: %+v", warned)
	}
	contents.Warnings, contents.Reader, contents.Copied = nil, Reader{}, ""
	if mixed := Complete(done, contents).Record; mixed.ReuseKey != "" || mixed.Mode != "" || mixed.CopiedFrom != "" {
		t.Errorf("read in several ways: %+v", mixed)
	}
}

// TestCopiesAreWhole: all pages of the origin or none, with the target's generation, and the id of the first document.
func TestCopiesAreWhole(t *testing.T) {
	book := &Record{Bucket: "b", Name: "n", Generation: 3, Status: StatusDone, Pages: 2, PagesDone: 2, Model: "m"}
	one := Page{Page: 1, Generation: 3, Text: "one", Source: SourcePDFText}
	two := Page{Page: 2, Generation: 3, Text: "two", Source: SourceOCR, Model: "m", Usage: Usage{1, 2},
		Blocks: []Block{{Label: "text"}}}
	copies, from := Copied(book, []Page{one, two}, 8)
	if from != book.Object().ID() || len(copies) != 2 || copies[0].Text != "one" || copies[1].Generation != 8 ||
		copies[0].Source != SourceCopy || copies[1].Usage != (Usage{}) || copies[1].Model != "m" ||
		len(copies[1].Blocks) != 1 {
		t.Errorf("%+v from %s", copies, from)
	}
	if two.Generation != 3 {
		t.Error("the origin's page was changed")
	}
	for what, pages := range map[string][]Page{"none": nil, "one": {one}, "twice the same": {two, two},
		"one more": {one, two, {Page: 3}}} {
		if copies, _ := Copied(book, pages, 8); copies != nil {
			t.Errorf("%s: %+v", what, copies)
		}
	}
	book.CopiedFrom = "first"
	if _, from := Copied(book, []Page{one, two}, 8); from != "first" {
		t.Errorf("from %s", from)
	}
	image := &Record{Bucket: "b", Name: "n", Status: StatusDone, Pages: 1, PagesDone: 1, Text: "a" + PageBreak + "b",
		Model: "m", Usage: Usage{1, 2}}
	image.CopiedFrom = "first"
	if pages := SplitPages(image); len(pages) != 1 || pages[0].Source != SourceCopy {
		t.Errorf("the page of a copy: %+v", pages)
	}
	if copies, _ := Copied(image, nil, 8); len(copies) != 1 || copies[0].Text != image.Text || copies[0].Model != "m" ||
		copies[0].Source != SourceCopy || copies[0].SaysMore() {
		t.Errorf("%+v", copies)
	}
}
