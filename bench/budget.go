package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

// Sizes of the table budget.
const (
	hardLimit = 1 << 30   // bytes of writable memory that the process may map
	ofPages   = 512 << 20 // MEMORY_BUDGET
	uploads   = 80
)

// budget delivers large photos, all at once, to a process that dies if it needs more than a hard limit of memory.
// GOMEMLIMIT is nine tenths of it, as the function itself sets it from the limit of its cgroup.
func budget(r *run) error {
	r.world.SetWaits(standin.Waits{OCR: 100 * time.Millisecond})
	large := photo(7745, 7745)
	r.world.Put("large.jpg", large)
	p, err := r.exec(ours, hardLimit, fmt.Sprintf("MEMORY_BUDGET=%d", ofPages),
		fmt.Sprintf("GOMEMLIMIT=%d", hardLimit/10*9))
	if err != nil {
		return err
	}
	defer p.stop()
	if _, err := p.first(r.ctx, r.name("large.jpg")); err != nil {
		return err
	}
	before, begun := r.world.Counts(), time.Now()
	if err := r.flood(p, "large.jpg", uploads, uploads); err != nil {
		return fmt.Errorf("%w; its log ends: %s", err, r.tail(ours))
	}
	peak, err := p.residentMemory("VmHWM")
	if err != nil {
		return err
	}
	done := r.world.Counts().Sub(before).Pages
	table(r.out, [][]string{
		{"uploads at once", "of", "all done after s", "peak MB", "MEMORY_BUDGET MB", "hard limit MB"},
		{fmt.Sprint(uploads), fmt.Sprintf("60 megapixels, %s MB", mb(int64(len(large)))),
			fmt.Sprintf("%.0f", time.Since(begun).Seconds()), mb(peak), mb(ofPages), mb(hardLimit)},
	})
	verdict(r.out, done == uploads, "%d of %d uploads were read, none was refused, and the process survived", done,
		uploads)
	return nil
}

// tail returns the first error in a program's log, or its last line.
func (r *run) tail(name string) string {
	b, _ := os.ReadFile(filepath.Join(r.bin, name+".log"))
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	for _, l := range lines {
		if strings.Contains(l, "ERROR") || strings.HasPrefix(l, "fatal error") {
			return l
		}
	}
	return lines[len(lines)-1]
}
