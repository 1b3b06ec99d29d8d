//go:build integration

// The PDF engine takes minutes to compile under the race detector; what runs beside it there is tested in
// internal/worker.

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// book is a PDF of n pages; each says its number.
func book(n int) []byte {
	var leaves []pagetest.PDFPage
	for i := range n {
		leaves = append(leaves, pagetest.Text(fmt.Sprintf("This is page %d of %d.", i+1, n), "Nothing else is on it."))
	}
	return pagetest.PDF("", leaves)
}

// resident returns the memory of a process and its decoders in MiB, or 0 if unknown.
func resident(pid int) (parent, child int) {
	status := func(pid string) int {
		b, _ := os.ReadFile("/proc/" + pid + "/status")
		_, rest, _ := bytes.Cut(b, []byte("VmRSS:"))
		kib, _ := strconv.Atoi(strings.Fields(string(rest) + " 0")[0])
		return kib >> 10
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		children = append(children, b...)
	}
	for c := range strings.FieldsSeq(string(children)) {
		child = max(child, status(c))
	}
	return status(strconv.Itoa(pid)), child
}

// TestBookKilledThreeTimes: a PDF of 300 pages, and kill -9 in the middle, three times. Every page is paid for once,
// plus those in flight at a kill, the progress is in the document, and memory does not grow with the pages.
func TestBookKilledThreeTimes(t *testing.T) {
	const pages, inFlight = 300, 4
	c := newCloud(t)
	c.OCR.Default(ocrtest.Text("read"))
	o, ce := put(c, "book.pdf", book(pages))
	for kill, at := range []int{60, 140, 220, pages} {
		s := start(t, c)
		answer := make(chan string, 1)
		go func() { _, out := s.post(ce); answer <- out }()
		if at == pages {
			if out := <-answer; out != "done" {
				t.Fatalf("%s\n%s", out, s.logs)
			}
			if parent, child := resident(s.cmd.Process.Pid); parent > 128 || child > 256 {
				t.Errorf("%d MiB, and %d MiB of the decoders", parent, child)
			} else {
				t.Logf("%d MiB, and %d MiB of the decoders", parent, child)
			}
			break
		}
		if err := c.OCR.Wait(t.Context(), func(n ocrtest.Counts) bool { return n.Requests >= at }); err != nil {
			t.Fatal(err)
		}
		_ = s.cmd.Process.Kill()
		<-answer
		_ = s.wait()
		r := c.Record(o)
		if r.Status != document.StatusProcessing || r.Pages != pages || r.PagesDone < at-inFlight*(kill+2) ||
			r.PagesDone > at {
			t.Errorf("killed after %d requests: %s, %d of %d pages", at, r.Status, r.PagesDone, r.Pages)
		}
		c.Expire(o)
	}
	r := c.Record(o)
	if want := strings.TrimSuffix(strings.Repeat("read\n\f\n", pages), "\n\f\n"); r.Status != document.StatusDone ||
		r.PagesDone != pages ||
		r.Text != want || r.Attempt != 4 || len(r.Warnings) > 0 {
		t.Errorf("%s, %d pages, attempt %d, %v, %d bytes", r.Status, r.PagesDone, r.Attempt, r.Warnings, len(r.Text))
	}
	images, twice := c.OCR.Images(), 0
	for _, n := range images {
		twice += n - 1
	}
	if len(images) != pages || twice > 3*inFlight {
		t.Errorf("%d different images, %d of them sent again", len(images), twice)
	}
	stored, err := c.Records.Pages(t.Context(), o.ID(), o.Generation)
	if err != nil || len(stored) != pages || stored[299].Page != pages ||
		max(stored[0].Width, stored[0].Height) != 1540 {
		t.Errorf("%d pages, %v", len(stored), err)
	}
}

// TestUpTakesAll: files of every kind become text, and the processing of each page is shown.
func TestUpTakesAll(t *testing.T) {
	files := map[string][]byte{"book.pdf": book(2), "a.png": apptest.PNG(50)}
	for _, name := range []string{"bw-gopher_ccittGroup4.tiff", "video-001.bmp", "video-005.gray.gif",
		"video-001.lossy.webp", "colour.avif",
		"colour.heic", "video-001.cmyk.jpeg"} {
		data, err := os.ReadFile("../../internal/page/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	good, heic, sum := exitGood, "colour.heic  from HEIC", "9 done, 0 failed"
	if heif.HEIC() == nil {
		good, heic, sum = exitFailed, "HEIC is not supported", "8 done, 1 failed"
	}
	d := newDesk(t, files)
	d.ocr.Default(ocrtest.Text("read"))
	code, out := d.up(t.Context(), "--once", "--verbose")
	if code != good {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	want(t, out, sum, heic, "page 2      book.pdf  from PDF, drawn at 1088x1540", "page 1      a.png  passed through",
		"video-001.cmyk.jpeg  CMYK to RGB", "bw-gopher_ccittGroup4.tiff  from TIFF", "colour.avif  from AVIF",
		"video-001.bmp  from BMP", "video-005.gray.gif  from GIF", "video-001.lossy.webp  from WebP", "2 pages in")
	if text := d.text("book.pdf"); text != "read\n\f\nread\n" {
		t.Errorf("%q", text)
	}
}
