//go:build linux

package page

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// booklet is a PDF of as many pages as there are kinds, A4 at 300 DPI where they are scans: "text", "fax" (G4), "jpeg"
// or "photo".
func booklet(kinds ...string) []byte {
	const w, h, pts = 2480, 3508, 46
	var pages []pagetest.PDFPage
	var pictures []string
	scan := func(dict string, b []byte) {
		pages = append(pages, pagetest.Scan(595, 842, pagetest.FirstFree(len(kinds))+len(pictures)))
		dict = fmt.Sprintf("/Type /XObject /Subtype /Image /Width %d /Height %d %s", w, h, dict)
		pictures = append(pictures, pagetest.Stream(dict, b))
	}
	paper := pagetest.Paper(w, h, pts)
	scanned := pagetest.Scanned(paper, 2)
	encoded := map[string][]byte{"jpeg": pagetest.EncodeJPEG(scanned),
		"photo": pagetest.EncodeJPEG(pagetest.Photo(paper)),
		"fax":   pagetest.Fax(scanned, 4, h, pagetest.FaxOptions{}).Strips[0]}
	for n, kind := range kinds {
		switch kind {
		case "text":
			line := "The harbour master keeps the ledger of every vessel that calls at the port, with its tonnage"
			lines := slices.Repeat([]string{line}, 40)
			pages = append(pages, pagetest.Text(append(lines, strconv.Itoa(n+1))...))
		case "fax":
			scan(fmt.Sprintf("/BitsPerComponent 1 /ColorSpace /DeviceGray /Filter /CCITTFaxDecode "+
				"/DecodeParms << /K -1 /Columns %d /Rows %d >>", w, h), encoded[kind])
		case "jpeg":
			scan("/BitsPerComponent 8 /ColorSpace /DeviceGray /Filter /DCTDecode", encoded[kind])
		case "photo":
			scan("/BitsPerComponent 8 /ColorSpace /DeviceRGB /Filter /DCTDecode", encoded[kind])
		}
	}
	return pagetest.PDF("", pages, pictures...)
}

// taken is what the pages of a file took of processors and by the clock, and the most memory that was resident.
type taken struct {
	cost
	memory int64 // bytes
}

func (t taken) least(o taken) taken { return taken{t.cost.least(o.cost), max(t.memory, o.memory)} }

// processors is the processor time of this process and of its children that have ended.
func processors(b *testing.B) (sum time.Duration) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// drawnByUs makes all pages, encoded, with a process of its own, its start with engines that are kept included. The
// memory is that process's: the pages that it returns are the caller's, one at a time.
func drawnByUs(b *testing.B, file, engines string) taken {
	b.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	begun, used := time.Now(), processors(b)
	d := NewDecoder()
	if err := d.KeepEngines(engines); err != nil {
		b.Fatal(err)
	}
	lim := wide(1540)
	lim.Decoder, lim.MaxPages = d, 1000
	ps, err := Split(context.Background(), newObject(data).source(), lim)
	if err != nil {
		b.Fatal(err)
	}
	for n := range ps.Len() {
		readPage(b, ps, n+1)
	}
	t := taken{memory: childrensPeak()}
	_ = ps.Close()
	d.Close()
	t.wall, t.cpu = time.Since(begun), processors(b)-used
	return t
}

// childrensPeak is the most resident memory that a child which runs has had, in bytes.
func childrensPeak() (peak int64) {
	for pid := range children() {
		peak = max(peak, peakOf(pid))
	}
	return peak
}

// children yields the processes that this one has started and that run.
func children() iter.Seq[int] {
	return func(yield func(int) bool) {
		lists, _ := filepath.Glob("/proc/self/task/*/children")
		for _, list := range lists {
			pids, _ := os.ReadFile(list)
			for field := range strings.FieldsSeq(string(pids)) {
				if pid, err := strconv.Atoi(field); err == nil && !yield(pid) {
					return
				}
			}
		}
	}
}

// peakOf is that of a process, 0 where it has ended.
func peakOf(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10
}

// drawnBy is what a program takes for the same. Its memory is looked at while it runs: what the system says afterwards
// has the test's own in it.
func drawnBy(b *testing.B, program string, args ...string) taken {
	b.Helper()
	begun, cmd := time.Now(), exec.Command(program, args...)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	ended, peak := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		for {
			select {
			case <-ended:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond):
				most = max(most, peakOf(cmd.Process.Pid))
			}
		}
	}()
	err := cmd.Wait()
	wall := time.Since(begun)
	close(ended)
	if err != nil {
		b.Fatalf("%s: %v", program, err)
	}
	s := cmd.ProcessState
	return taken{cost{wall, s.UserTime() + s.SystemTime()}, <-peak}
}

// BenchmarkAgainstPDFTools reports our time for whole PDFs as a multiple of that of pdftoppm (Debian: poppler-utils)
// and mutool (mupdf-tools), start of the programs included, each at its best of the same run. All write pages of 1540
// pixels: we in the encoding that we choose, they as PNG, and once as they are, which is the fastest that they can.
// Where others use the machine, compare processor time.
func BenchmarkAgainstPDFTools(b *testing.B) {
	for _, program := range []string{"pdftoppm", "mutool"} {
		if _, err := exec.LookPath(program); err != nil {
			b.Skipf("no %s: apt-get install poppler-utils mupdf-tools", program)
		}
	}
	decoder.Close() // it is a child, too
	engines := b.TempDir()
	if err := CompileEngines(engines); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		pages []string
	}{
		{"text", slices.Repeat([]string{"text"}, 8)}, {"fax", slices.Repeat([]string{"fax"}, 8)},
		{"jpeg", slices.Repeat([]string{"jpeg"}, 8)},
		{"mixed", slices.Repeat([]string{"text", "fax", "jpeg", "photo"}, 2)},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			file := filepath.Join(dir, "in.pdf")
			if err := os.WriteFile(file, booklet(c.pages...), 0o600); err != nil {
				b.Fatal(err)
			}
			out := filepath.Join(dir, "out")
			sides := []struct {
				name string
				draw func() taken
			}{
				{"ours", func() taken { return drawnByUs(b, file, engines) }},
				{"pdftoppm", func() taken { return drawnBy(b, "pdftoppm", "-png", "-scale-to", "1540", file, out) }},
				{"pdftoppm-ppm", func() taken { return drawnBy(b, "pdftoppm", "-scale-to", "1540", file, out) }},
				{"mutool", func() taken {
					return drawnBy(b, "mutool", "draw", "-q", "-o", out+"%d.png", "-w", "1540", "-h", "1540", file)
				}},
				{"mutool-ppm", func() taken {
					return drawnBy(b, "mutool", "draw", "-q", "-o", out+"%d.ppm", "-w", "1540", "-h", "1540", file)
				}},
			}
			best := make([]taken, len(sides))
			first := true
			for b.Loop() {
				for i, s := range sides {
					if t := s.draw(); first {
						best[i] = t
					} else {
						best[i] = best[i].least(t)
					}
				}
				first = false
			}
			b.ReportMetric(0, "ns/op")
			for i, s := range sides {
				b.ReportMetric(float64(len(c.pages))/best[i].wall.Seconds(), s.name+"-pages/s")
				b.ReportMetric(float64(best[i].cpu.Milliseconds())/float64(len(c.pages)), s.name+"-cpu-ms/page")
				b.ReportMetric(float64(best[i].memory)/1e6, s.name+"-MB")
			}
		})
	}
}

// BenchmarkKept starts each engine in a new process, compiled and, in turns with that, loaded, each at its best.
func BenchmarkKept(b *testing.B) {
	decoder.Close() // it is a child, too
	folder := b.TempDir()
	if err := CompileEngines(folder); err != nil {
		b.Fatal(err)
	}
	start := func(engine string, keep bool) taken {
		d := NewDecoder()
		if keep {
			if err := d.KeepEngines(folder); err != nil {
				b.Fatal(err)
			}
		}
		begun, used := time.Now(), processors(b)
		if _, err := d.child.Start(context.Background(), d.engines.start(engine, keep)); err != nil {
			b.Fatal(err)
		}
		t := taken{cost: cost{wall: time.Since(begun)}, memory: childrensPeak()}
		d.Close()
		t.cpu = processors(b) - used
		return t
	}
	for name := range engines() {
		b.Run(name, func(b *testing.B) {
			compiled, loaded := start(name, false), start(name, true)
			for b.Loop() {
				compiled, loaded = compiled.least(start(name, false)), loaded.least(start(name, true))
			}
			b.ReportMetric(0, "ns/op")
			for side, t := range map[string]taken{"compiled": compiled, "loaded": loaded} {
				b.ReportMetric(float64(t.wall.Microseconds())/1e3, side+"-ms")
				b.ReportMetric(float64(t.cpu.Milliseconds()), side+"-cpu-ms")
				b.ReportMetric(float64(t.memory)/1e6, side+"-MB")
			}
		})
	}
}

// TestBookletIsWhatItSays: each kind of page is drawn.
func TestBookletIsWhatItSays(t *testing.T) {
	t.Parallel()
	kinds := []string{"text", "fax", "jpeg", "photo"}
	lim := wide(300)
	ps, err := Split(t.Context(), newObject(booklet(kinds...)).source(), lim)
	if err != nil || ps.Len() != len(kinds) {
		t.Fatal(err)
	}
	defer ps.Close()
	for n, kind := range kinds {
		pg, _, err := ps.Page(t.Context(), n+1)
		if err != nil {
			t.Fatal(err)
		}
		if pg.Blank || pg.Ink < 0.01 {
			t.Errorf("%s: ink %v", kind, pg.Ink)
		}
	}
}
