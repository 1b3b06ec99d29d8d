package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// start measures from exec to the first acknowledged event, with calls that cost nothing. Each round starts every
// program once, so that the differences are of one moment.
func start(r *run) error {
	r.world.SetWaits(standin.Waits{})
	r.world.Put("small.png", pngPage(500_000))
	r.world.Put("page.pdf", pagetest.PDF("", []pagetest.PDFPage{pagetest.Text("a page", "of text")}))
	sides := []struct{ name, label, file string }{
		{idle, "empty function", "small.png"}, {ours, "bucketocr", "small.png"}, {theirs, "yardstick", "small.png"},
		{ours, "bucketocr, a PDF", "page.pdf"},
	}
	took := make([][]time.Duration, len(sides))
	var more []time.Duration
	for range r.rounds + 1 {
		for i, s := range sides {
			d, err := r.startOnce(s.name, s.file)
			if err != nil {
				return err
			}
			took[i] = append(took[i], d)
		}
		more = append(more, took[1][len(took[1])-1]-took[0][len(took[0])-1])
	}
	rows := [][]string{{"exec to first ack", "p50 ms", "p95 ms", "least ms", "program MB"}}
	for i, s := range sides {
		took[i] = took[i][1:] // the first round reads the programs from disk
		size, err := os.Stat(filepath.Join(r.bin, s.name))
		if err != nil {
			return err
		}
		rows = append(rows, []string{s.label, ms(median(took[i])), ms(quantile(took[i], 0.95)),
			ms(quantile(took[i], 0)), mb(size.Size())})
	}
	table(r.out, rows)
	p50, extra := median(took[1]), median(more[1:])
	verdict(r.out, p50 <= 200*time.Millisecond, "the first ack comes %s ms after exec, at most 200", ms(p50))
	verdict(r.out, extra <= 50*time.Millisecond,
		"that is %s ms more than an empty function (median of pairs), at most 50", ms(extra))
	return nil
}

func (r *run) startOnce(name, file string) (time.Duration, error) {
	p, err := r.exec(name, 0)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	d, err := p.first(r.ctx, r.name(file))
	if err != nil {
		return 0, fmt.Errorf("first event of %s: %w", name, err)
	}
	return d, nil
}
