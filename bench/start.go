package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// kept is the function with compiled decoders beside it, as in the container image.
const kept = "image/" + ours

// start measures the time from exec to the first acknowledged event, with calls that take no time. Each round starts
// every program once, so that compared times are taken close together.
func start(r *run) error {
	r.world.SetWaits(standin.Waits{})
	if err := r.putFirst(); err != nil {
		return err
	}
	if err := r.keep(); err != nil {
		return err
	}
	sides := []*starting{
		{name: idle, label: "empty function", file: "small.png"},
		{name: ours, label: "bucketocr, a PNG", file: "small.png"},
		{name: theirs, label: "yardstick, a PNG", file: "small.png"},
		{name: ours, label: "bucketocr, a TIFF (G4)", file: "page.tiff"},
		{name: ours, label: "bucketocr, a PDF", file: "page.pdf"},
		{name: kept, label: "the same, decoders compiled beforehand", file: "page.pdf"},
		{name: ours, label: "bucketocr, an AVIF", file: "page.avif"},
		{name: kept, label: "the same, decoders compiled beforehand", file: "page.avif"},
		{name: ours, label: "bucketocr, a HEIC", file: "page.heic"},
		{name: kept, label: "the same, decoders compiled beforehand", file: "page.heic"},
	}
	var more []time.Duration
	for range r.rounds + 1 {
		for _, s := range sides {
			if err := r.startOnce(s); err != nil {
				return err
			}
		}
		more = append(more, sides[1].last()-sides[0].last())
	}
	rows := [][]string{{"exec to first ack", "p50 ms", "p95 ms", "least ms", "peak MB: program", "decoders",
		"program on disk MB"}}
	for _, s := range sides {
		took := s.took[1:] // the first round reads the programs from disk
		size, err := os.Stat(filepath.Join(r.bin, s.name))
		if err != nil {
			return err
		}
		rows = append(rows, []string{s.label, ms(median(took)), ms(quantile(took, 0.95)), ms(quantile(took, 0)),
			mb(s.peak), mb(s.decoders), mb(size.Size())})
	}
	table(r.out, rows)
	p50, extra := median(sides[1].took[1:]), median(more[1:])
	verdict(r.out, p50 <= 200*time.Millisecond, "the first ack comes %s ms after exec, at most 200", ms(p50))
	verdict(r.out, extra <= 50*time.Millisecond,
		"that is %s ms more than an empty function (median of pairs), at most 50", ms(extra))
	for _, s := range sides {
		if s.name == kept {
			p50 := median(s.took[1:])
			verdict(r.out, p50 <= time.Second, "%s, decoders compiled beforehand: %s ms, at most 1000", s.file, ms(p50))
		}
	}
	return nil
}

// putFirst puts the files of first events into the bucket.
func (r *run) putFirst() error {
	r.world.Put("small.png", pngPage(500_000))
	r.world.Put("page.pdf", pagetest.PDF("", []pagetest.PDFPage{pagetest.Text("a page", "of text")}))
	scan := pagetest.Scanned(pagetest.Paper(1240, 1754, 23), 2)
	r.world.Put("page.tiff", pagetest.TIFF(binary.LittleEndian, pagetest.Fax(scan, 4, 1754, pagetest.FaxOptions{})))
	for _, kind := range []string{"avif", "heic"} {
		b, err := os.ReadFile("../internal/page/testdata/colour." + kind)
		if err != nil {
			return err
		}
		r.world.Put("page."+kind, b)
	}
	return nil
}

// keep creates the folder of kept.
func (r *run) keep() error {
	folder := filepath.Join(r.bin, filepath.Dir(kept))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := os.Link(filepath.Join(r.bin, ours), filepath.Join(r.bin, kept)); err != nil {
		return err
	}
	compiler := filepath.Join(r.bin, "engines")
	for _, line := range [][]string{
		{"go", "build", "-trimpath", "-o", compiler, "github.com/bucketocr/bucketocr/deploy/container/engines"},
		{compiler, filepath.Join(folder, "bucketocr-engines")},
	} {
		if out, err := exec.CommandContext(r.ctx, line[0], line[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", line[0], err, out)
		}
	}
	return nil
}

// starting is a program, its first file, and the results.
type starting struct {
	name, label, file string
	took              []time.Duration
	peak, decoders    int64 // resident memory in bytes
}

func (s *starting) last() time.Duration { return s.took[len(s.took)-1] }

func (r *run) startOnce(s *starting) error {
	p, err := r.exec(s.name, 0)
	if err != nil {
		return err
	}
	defer p.stop()
	d, err := p.first(r.ctx, r.name(s.file))
	if err != nil {
		return fmt.Errorf("first event of %s: %w", s.name, err)
	}
	s.took = append(s.took, d)
	peak, err := p.residentMemory("VmHWM")
	if err != nil {
		return err
	}
	s.peak, s.decoders = max(s.peak, peak), max(s.decoders, p.childPeak())
	return nil
}

// childPeak returns the peak of the decoder process's resident memory, or 0 if there is none.
func (p *process) childPeak() (peak int64) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.cmd.Process.Pid))
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		for child := range strings.FieldsSeq(string(children)) {
			n, _ := residentMemory(child, "VmHWM")
			peak = max(peak, n)
		}
	}
	return peak
}
