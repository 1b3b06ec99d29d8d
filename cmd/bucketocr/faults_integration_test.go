//go:build integration

package main

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestImageThatCrashesTheServiceFailsAlone: one image of twelve takes the OCR service down, which comes back a second
// later, each time. The image fails, the others are read, and the service dies a few times only.
func TestImageThatCrashesTheServiceFailsAlone(t *testing.T) {
	c := newCloud(t)
	killer := apptest.PNG(99)
	var deaths atomic.Int64
	c.OCR.Default(ocrtest.Text("read"))
	c.OCR.For(killer, ocrtest.Custom(true, func(http.ResponseWriter, *ocrtest.Request) {
		deaths.Add(1)
		c.OCR.Down()
		time.AfterFunc(time.Second, c.OCR.Up)
		panic(http.ErrAbortHandler)
	}))
	s := start(t, c)
	var objects []document.Object
	var all sync.WaitGroup
	begun := time.Now()
	for n := range 12 {
		data := apptest.PNG(40 + n)
		if n == 5 {
			data = killer
		}
		o, ce := put(c, fmt.Sprintf("%d.png", n), data)
		objects = append(objects, o)
		all.Go(func() {
			for range 40 {
				if status, _ := s.post(ce); status == 200 {
					return
				}
			}
		})
	}
	all.Wait()
	sent := c.OCR.Images()
	t.Logf("%v, the service died %d times, %d requests, %d different images", time.Since(begun).Round(time.Second),
		deaths.Load(), c.OCR.Counts().Requests, len(sent))
	for n, o := range objects {
		r := c.Record(o)
		if n == 5 {
			if r.Status != document.StatusFailed || r.Error.Code != document.CodeOCRFailed {
				t.Errorf("the killer: %s %+v", r.Status, r.Error)
			}
		} else if r.Status != document.StatusDone || r.Text != "read" {
			t.Errorf("%d.png: %s %+v", n, r.Status, r.Error)
		}
	}
	if deaths.Load() > 5 {
		t.Errorf("the service died %d times, want 5 at most", deaths.Load())
	}
}

// TestPageThatKillsTheFunctionFailsAlone: page 17 of a PDF of 30 pages kills the function's process, each time that it
// is read. The others are read, once each but for those in flight at a death, and page 17 fails.
func TestPageThatKillsTheFunctionFailsAlone(t *testing.T) {
	const pages, killing = 30, 17
	var leaves []pagetest.PDFPage
	for n := 1; n <= pages; n++ {
		leaf := pagetest.Text(fmt.Sprintf("This is page %d.", n))
		if n == killing {
			leaf.Width, leaf.Height, leaf.Content = 842, 595, strings.Replace(leaf.Content, "60 780", "60 500", 1)
		}
		leaves = append(leaves, leaf)
	}
	c := newCloud(t)
	var s *served
	c.OCR.Default(ocrtest.TextOf(func(data []byte) string {
		cfg, _, err := image.DecodeConfig(bytes.NewReader(data))
		if err != nil {
			t.Error(err)
		}
		if cfg.Width > cfg.Height {
			_ = s.cmd.Process.Kill()
			return "never read"
		}
		return "read"
	}))
	o, ce := put(c, "book.pdf", pagetest.PDF("", leaves))
	deaths, begun := 0, time.Now()
	for ; ; deaths++ {
		s = start(t, c)
		status, out := s.post(ce)
		if out == "done" {
			break
		} else if status != 0 || deaths == 6 {
			t.Fatalf("after %d deaths: %q\n%s", deaths, out, s.logs)
		}
		_ = s.wait()
		c.Expire(o)
	}
	r := c.Record(o)
	t.Logf("%v, %d processes died, %d requests for %d pages, %d attempts", time.Since(begun).Round(time.Second), deaths,
		c.OCR.Counts().Requests, pages, r.Attempt)
	if r.Status != document.StatusDone || r.PagesDone != pages || strings.Count(r.Text, "read") != pages-1 ||
		strings.Join(r.Warnings, " ") != document.WarnPageFailed {
		t.Errorf("%s, %d pages, %v, %q", r.Status, r.PagesDone, r.Warnings, r.Text)
	}
	stored, err := c.Records.Pages(t.Context(), o.ID(), o.Generation)
	if err != nil || len(stored) != pages || stored[killing-1].Error == nil ||
		stored[killing-1].Error.Code != document.CodeInterrupted {
		t.Errorf("%d pages, %v", len(stored), err)
	}
	if deaths > 5 {
		t.Errorf("%d processes died, want 5 at most", deaths)
	}
}
