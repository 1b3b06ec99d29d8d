package main

import (
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

// backlog delivers many events and then ten times as many to the same process, 16 at a time.
func backlog(r *run) error {
	r.world.SetWaits(standin.Waits{Storage: 5 * time.Millisecond, OCR: 60 * time.Millisecond,
		Firestore: 2 * time.Millisecond})
	r.world.Put("half.png", pngPage(500_000))
	p, err := r.exec(ours, 0)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := r.warm(p, "half.png"); err != nil {
		return err
	}
	if err := r.flood(p, "half.png", 100, 16); err != nil {
		return err
	}
	rows := [][]string{{"events", "seconds", "events/s", "peak MB"}}
	var took []time.Duration
	var peaks []int64
	for _, n := range []int{20 * r.events, 200 * r.events} {
		if err := p.clearPeak(); err != nil {
			return err
		}
		start := time.Now()
		if err := r.flood(p, "half.png", n, 16); err != nil {
			return err
		}
		d := time.Since(start)
		peak, err := p.residentMemory("VmHWM")
		if err != nil {
			return err
		}
		took, peaks = append(took, d), append(peaks, peak)
		rows = append(rows, []string{fmt.Sprint(n), fmt.Sprintf("%.1f", d.Seconds()),
			fmt.Sprintf("%.0f", float64(n)/d.Seconds()), mb(peak)})
	}
	table(r.out, rows)
	times, size := took[1].Seconds()/took[0].Seconds(), float64(peaks[1])/float64(peaks[0])
	verdict(r.out, times < 11.5 && size < 1.15,
		"ten times the events take %.1f times the time and %.2f times the memory", times, size)
	return nil
}
