package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// document returns the record of a file in a folder. No process may be working on the folder.
func (d *desk) document(name string) *document.Record {
	d.t.Helper()
	w, err := local.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer w.Close()
	r, err := w.Records.Get(d.t.Context(), document.Object{Bucket: w.Bucket.Name(), Name: name}.ID())
	if err != nil {
		d.t.Fatal(err)
	}
	if r == nil {
		return nil
	}
	return r.Record
}

// TestUpStopsBetweenPages: on Ctrl-C the pages being read are finished, and no other page of any object is started. The
// run reports what is left; the next one reads that, and nothing twice.
func TestUpStopsBetweenPages(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"0.tiff": apptest.TIFF(3)})
	for n := range 6 {
		d.drop(fmt.Sprint(1+n, ".png"), apptest.PNG(50+n))
	}
	d.env["OCR_CONCURRENCY"] = "1"
	gate := ocrtest.NewGate()
	d.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
	ctx, stop := context.WithCancelCause(t.Context())
	out, code := newOutput(), make(chan int)
	lookup := func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }
	slow := system{out, out, lookup, func(int) time.Duration { return time.Hour }, nil, ""}
	go func() { code <- run(ctx, slow, []string{"up", d.dir}) }()
	if err := gate.Wait(t.Context(), inFlight); err != nil {
		t.Fatal(err)
	}
	stop(signaled{os.Interrupt})
	out.until(t, "stopping: 4 objects in progress; pages being read have")
	gate.Open()
	if c := <-code; c != exitInterrupted {
		t.Errorf("exit code %d", c)
	}
	want(t, out, "retrying    0.tiff  1 of 3 pages read; the next run continues", "done        3.png",
		"stopped: 4 objects still to be read; run bucketocr up again to continue")
	if n := d.ocr.Counts().Requests; n != inFlight {
		t.Errorf("%d pages were sent, %d of them after Ctrl-C", n, n-inFlight)
	}
	if r := d.document("0.tiff"); r.Due.After(time.Now()) {
		t.Fatalf("the next run goes on with it at %v", r.Due)
	}
	if c, out := d.up(t.Context(), "--once"); c != exitGood || d.ocr.Counts().Requests != 9 {
		t.Errorf("the next run: %d, %d pages sent in all, want 9\n%s", c, d.ocr.Counts().Requests, out)
	}
	if text := d.text("0.tiff"); strings.Count(text, "read") != 3 {
		t.Errorf("text %q", text)
	}
}

// TestUpDeletedWhileItWaits: a file that is deleted before it is read ends failed, with the reason: one that waits for
// its turn, one that is to be tried again, and one that a run had noticed and left.
func TestUpDeletedWhileItWaits(t *testing.T) {
	t.Parallel()
	gone := func(t *testing.T, d *desk, name string) {
		t.Helper()
		if r := d.document(name); r == nil || r.Status != document.StatusFailed || r.Error == nil ||
			r.Error.Code != document.CodeObjectGone {
			t.Errorf("the document of %s is %+v", name, r)
		}
	}
	t.Run("its turn", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, nil)
		for n := range 6 {
			d.drop(fmt.Sprint(n, ".png"), apptest.PNG(50+n))
		}
		gate := ocrtest.NewGate()
		d.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
		ctx, stop := context.WithCancelCause(t.Context())
		out, code := newOutput(), make(chan int)
		go func() { code <- d.upTo(ctx, out) }()
		if err := gate.Wait(t.Context(), inFlight); err != nil {
			t.Fatal(err)
		}
		remove(t, d.dir, "5.png")
		gate.Open()
		out.until(t, "failed      5.png  object_gone")
		want(t, out, "(The file was deleted before it was read.)")
		stop(signaled{os.Interrupt})
		<-code
		gone(t, d, "5.png")
	})
	t.Run("another try", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
		d.ocr.Default(ocrtest.Platform(403))
		ctx, stop := context.WithCancelCause(t.Context())
		out, code := newOutput(), make(chan int)
		go func() { code <- d.upTo(ctx, out) }()
		out.until(t, "retrying    a.png")
		remove(t, d.dir, "a.png")
		out.until(t, "failed      a.png  object_gone")
		stop(signaled{os.Interrupt})
		<-code
		gone(t, d, "a.png")
	})
	t.Run("the next run", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, nil)
		for n := range 6 {
			d.drop(fmt.Sprint(n, ".png"), apptest.PNG(50+n))
		}
		gate := ocrtest.NewGate()
		d.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
		ctx, stop := context.WithCancelCause(t.Context())
		out, code := newOutput(), make(chan int)
		go func() { code <- d.upTo(ctx, out) }()
		if err := gate.Wait(t.Context(), inFlight); err != nil {
			t.Fatal(err)
		}
		stop(signaled{os.Interrupt})
		out.until(t, "stopping")
		gate.Open()
		<-code
		remove(t, d.dir, "5.png")
		_, again := d.up(t.Context(), "--once")
		want(t, again, "failed      5.png  object_gone")
		gone(t, d, "5.png")
	})
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// TestUpIsPatientWithProgress: RETRY_WINDOW, which is short where someone waits, begins again with each page read.
func TestUpIsPatientWithProgress(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"book.tiff": apptest.TIFF(2)})
	d.env["OCR_CONCURRENCY"] = "1"
	gate := ocrtest.NewGate()
	d.ocr.Next(ocrtest.Text("one"), ocrtest.Hold(gate, ocrtest.Text("two")))
	out, code := newOutput(), make(chan int)
	go func() { code <- d.upTo(t.Context(), out, "--once") }()
	if err := gate.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	records, _, err := local.OpenBeside(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	for read := 0; read == 0; time.Sleep(10 * time.Millisecond) {
		r, err := records.Get(t.Context(), document.Object{Bucket: records.Bucket(), Name: "book.tiff"}.ID())
		if err != nil {
			t.Fatal(err)
		}
		read = r.PagesDone
	}
	gate.Open()
	if c := <-code; c != exitGood {
		t.Errorf("exit code %d\n%s", c, out)
	}
	if r := d.document("book.tiff"); !r.WindowStart.After(r.Started) {
		t.Errorf("the window began at %v, and the attempt at %v", r.WindowStart, r.Started)
	}
}

// TestUpScansWhileFilesWait: the folder is compared with its documents also while more files wait than are read at
// once, so that a file that changes meanwhile is read in its last state.
func TestUpScansWhileFilesWait(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	for n := range inFlight + 2 {
		d.drop(fmt.Sprint(n, ".png"), apptest.PNG(50+n))
	}
	gate := ocrtest.NewGate()
	d.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
	out, code := newOutput(), make(chan int)
	go func() { code <- d.upTo(t.Context(), out, "--once") }()
	if err := gate.Wait(t.Context(), inFlight); err != nil {
		t.Fatal(err)
	}
	d.drop("5.png", apptest.PNG(99))
	d.drop("later.png.crdownload", nil)
	out.until(t, `ignored: "later.png.crdownload"`)
	gate.Open()
	if c := <-code; c != exitGood {
		t.Errorf("exit code %d\n%s", c, out)
	}
	if r := d.document("5.png"); r == nil || r.Size != int64(len(apptest.PNG(99))) || r.Status != document.StatusDone {
		t.Errorf("the document of the changed file is %+v", r)
	}
}

// TestUpLeavesUnfinishedFilesAlone: what a browser is still writing is not read before it has its name, and one line
// says so.
func TestUpLeavesUnfinishedFilesAlone(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"scan.png.crdownload": apptest.PNG(50), "other.png": apptest.PNG(51),
		".hidden.png": apptest.PNG(52), "b.png~": apptest.PNG(53)})
	d.ocr.Default(ocrtest.Text("read"))
	code, out := d.up(t.Context(), "--once")
	if code != exitGood || d.ocr.Counts().Requests != 1 || strings.Count(out.String(), "scan.png") != 1 ||
		strings.Contains(out.String(), "hidden") {
		t.Errorf("exit code %d, %d pages sent\n%s", code, d.ocr.Counts().Requests, out)
	}
	want(t, out, `ignored: "scan.png.crdownload" has a name of files that are still being written: renamed, it is read`)
	if d.document("scan.png.crdownload") != nil {
		t.Error("it has a document")
	}
	if err := os.Rename(filepath.Join(d.dir, "scan.png.crdownload"), filepath.Join(d.dir, "scan.png")); err != nil {
		t.Fatal(err)
	}
	if code, out := d.up(t.Context(), "--once"); code != exitGood || d.text("scan.png") != "read\n" {
		t.Errorf("renamed: %d\n%s", code, out)
	}
}

func environ(env map[string]string) (list []string) {
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}
