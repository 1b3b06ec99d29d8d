//go:build unix

package page

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bucketocr/bucketocr/internal/page/sandbox"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// develops makes the only page of a file, and reads its bytes.
func develops(b *testing.B, data []byte) {
	b.Helper()
	lim := wide(1540)
	lim.Decoder = nil
	ps, err := Split(context.Background(), newObject(data).source(), lim)
	if err != nil {
		b.Fatal(err)
	}
	defer ps.Close()
	readPage(b, ps, 1)
}

// cost is the real time and processor time of something.
type cost struct{ wall, cpu time.Duration }

func (c cost) least(d cost) cost { return cost{min(c.wall, d.wall), min(c.cpu, d.cpu)} }

// ours returns our cost of a page, including garbage collection.
func ours(b *testing.B, data []byte) cost {
	b.Helper()
	cpu := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	begun, used := time.Now(), cpu()
	develops(b, data)
	return cost{time.Since(begun), cpu() - used}
}

// vips returns the cost of the same with vipsthumbnail, with one thread and including the start of the program.
func vips(b *testing.B, data []byte, out string) cost {
	b.Helper()
	dir := b.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.WriteFile(in, data, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("vipsthumbnail", "--size", "1540x1540", "-o", filepath.Join(dir, out), in)
	cmd.Env = append(os.Environ(), "VIPS_CONCURRENCY=1")
	begun := time.Now()
	if msg, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, msg)
	}
	return cost{time.Since(begun), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
}

// progressive returns a JPEG as jpegtran makes it progressive; nil where there is no jpegtran.
func progressive(b *testing.B, data []byte) []byte {
	b.Helper()
	if _, err := exec.LookPath("jpegtran"); err != nil {
		return nil
	}
	cmd := exec.Command("jpegtran", "-progressive", "-copy", "all")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// BenchmarkAgainstVips reports our time as a multiple of vipsthumbnail's (Debian: libvips-tools), both the best of the
// same run. On a busy machine compare processor time.
func BenchmarkAgainstVips(b *testing.B) {
	if _, err := exec.LookPath("vipsthumbnail"); err != nil {
		b.Skip("no vipsthumbnail: apt-get install libvips-tools")
	}
	photo := pagetest.WithJPEGSegments(pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(4032, 3024, 46))),
		pagetest.ExifSegment(6))
	for name, c := range map[string]struct {
		data []byte
		out  string
	}{
		"photo 12 MP":       {photo, "out.jpg[Q=90]"},
		"photo 60 MP":       {pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(8900, 6700, 90))), "out.jpg[Q=90]"},
		"progressive 12 MP": {progressive(b, photo), "out.jpg[Q=90]"},
		"gray scan 300 DPI": {pagetest.EncodePNG(pagetest.Scanned(pagetest.Paper(2480, 3508, 46), 2)),
			"out.png[compression=1]"},
		"gray scan as JPEG": {pagetest.EncodeJPEG(pagetest.Scanned(pagetest.Paper(2480, 3508, 46), 2)),
			"out.jpg[Q=90]"},
	} {
		b.Run(name, func(b *testing.B) {
			if c.data == nil {
				b.Skip("no jpegtran: apt-get install libjpeg-turbo-progs")
			}
			own, theirs := cost{time.Hour, time.Hour}, cost{time.Hour, time.Hour}
			for b.Loop() {
				own, theirs = own.least(ours(b, c.data)), theirs.least(vips(b, c.data, c.out))
			}
			b.ReportMetric(float64(own.wall.Milliseconds()), "ms")
			b.ReportMetric(float64(theirs.wall.Milliseconds()), "vips-ms")
			b.ReportMetric(float64(own.wall)/float64(theirs.wall), "x-vips")
			b.ReportMetric(float64(own.cpu)/float64(theirs.cpu), "x-vips-cpu")
		})
	}
}

// BenchmarkPDF makes the pages of a PDF of text.
func BenchmarkPDF(b *testing.B) {
	const pages = 50
	lim := wide(1540)
	lim.MaxPages = pages
	ps, err := Split(context.Background(), newObject(pdfOf(pages)).source(), lim)
	if err != nil {
		b.Fatal(err)
	}
	defer ps.Close()
	n := 0
	for b.Loop() {
		if _, _, err := ps.Page(context.Background(), n%pages+1); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "pages/s")
}

// BenchmarkStart starts each engine in a new process.
func BenchmarkStart(b *testing.B) {
	for _, engine := range []string{"nothing", "pdf", "avif", "heic"} {
		b.Run(engine, func(b *testing.B) {
			for b.Loop() {
				c := sandbox.New(sandbox.Limits{})
				if _, err := c.Start(context.Background(), sandbox.Message{Op: engine}); err != nil {
					b.Fatal(fmt.Errorf("%s: %w", engine, err))
				}
				c.Close()
			}
		})
	}
}
