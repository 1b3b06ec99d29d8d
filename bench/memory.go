package main

import (
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

// slow makes the OCR service wait long enough for all events of a wave to be in flight together.
var slow = standin.Waits{Storage: 5 * time.Millisecond, OCR: 300 * time.Millisecond, Firestore: 2 * time.Millisecond}

// waves is the number of times that events are delivered at once. Uncollected garbage counts from the second wave on.
const waves = 3

// memory measures the peak resident memory, with a new process for each figure. An idle process is one that has
// acknowledged one small image.
func memory(r *run) error {
	r.world.SetWaits(slow)
	r.world.Put("photo.jpg", photo(4032, 3024))
	rows := [][]string{{"image", "at once", "bucketocr MB", "yardstick MB", "yardstick with an exact buffer MB",
		"ratio"}}
	type load struct {
		label, file string
		atOnce      []int
	}
	var loads []load
	for _, s := range sizes {
		r.world.Put(s.file, pngPage(s.bytes))
		loads = append(loads, load{s.label, s.file, []int{1, 16, 80}})
	}
	loads = append(loads, load{"12 megapixels JPEG (scaled by bucketocr)", "photo.jpg", []int{1, 16}})
	idle, err := r.idle(ours, sizes[0].file)
	if err != nil {
		return err
	}
	idleTheirs, err := r.idle(theirs, sizes[0].file)
	if err != nil {
		return err
	}
	rows = append(rows, []string{"none: an idle process", "0", mb(idle), mb(idleTheirs), "", fmt.Sprintf("%.1f",
		float64(idleTheirs)/float64(idle))})
	for _, l := range loads {
		for _, n := range l.atOnce {
			us, err := r.peak(ours, l.file, n)
			if err != nil {
				return err
			}
			them, err := r.peak(theirs, l.file, n)
			if err != nil {
				return err
			}
			exact, err := r.peak(theirs, l.file, n, "YARDSTICK_EXACT=1")
			if err != nil {
				return err
			}
			ratio := float64(them) / float64(us)
			rows = append(rows, []string{l.label, fmt.Sprint(n), mb(us), mb(them), mb(exact),
				fmt.Sprintf("%.1f", ratio)})
			if l.label == "7 MB" && n == 16 {
				defer verdict(r.out, us < 96e6 && ratio >= 10,
					"16 at once of 7 MB take %s MB, less than 96; the yardstick %.1f times as much, at least 10",
					mb(us), ratio)
			}
			if l.file == "photo.jpg" && n == 1 {
				defer verdict(r.out, us-idle <= 12e6, "a photo takes %s MB more than an idle process, at most 12",
					mb(us-idle))
			}
			if l.file == "photo.jpg" && n == 16 {
				defer verdict(r.out, us <= 160e6 && us < them,
					"16 photos at once take %s MB, at most 160 and less than the yardstick's %s", mb(us), mb(them))
			}
		}
	}
	table(r.out, rows)
	return nil
}

// idle returns the resident memory of a process that has acknowledged one image and does nothing.
func (r *run) idle(name, file string) (int64, error) {
	p, err := r.exec(name, 0)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	if _, err := p.first(r.ctx, r.name(file)); err != nil {
		return 0, err
	}
	return p.residentMemory("VmRSS")
}

// peak returns the peak resident memory while n events at a time are delivered, in waves.
func (r *run) peak(name, file string, n int, env ...string) (int64, error) {
	p, err := r.exec(name, 0, env...)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	if _, err := p.first(r.ctx, r.name(file)); err != nil {
		return 0, err
	}
	if err := p.clearPeak(); err != nil {
		return 0, err
	}
	for range waves {
		if err := r.flood(p, file, n, n); err != nil {
			return 0, fmt.Errorf("%w; its log ends: %s", err, r.tail(name))
		}
	}
	return p.residentMemory("VmHWM")
}
