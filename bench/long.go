package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// slowCommits holds waits with which a commit takes as long as in Firestore.
var slowCommits = standin.Waits{
	Storage: 5 * time.Millisecond, OCR: 20 * time.Millisecond, Firestore: 30 * time.Millisecond,
}

// Sizes of the documents.
const (
	shortBook = 32  // pages
	longBook  = 300 // like shortBook a multiple of pagesAtOnce: the last pages are answered together, too
)

// pagesAtOnce is the default of OCR_CONCURRENCY.
const pagesAtOnce = 4

// book is a document of several pages and how it is read.
type book struct {
	kind   string
	pages  int
	atOnce int // concurrent pages, answered at the same moment
}

func (b book) file() string { return fmt.Sprintf("%d.%s", b.pages, b.kind) }

// way describes how a book is read.
func (b book) way() string {
	if b.atOnce == 1 {
		return "one by one"
	}
	return fmt.Sprintf("%d at once, answered together", b.atOnce)
}

// books maps kinds to functions that make a document of n pages: a PDF of text, or a fax.
var books = map[string]func(pages int) []byte{
	"pdf": func(n int) []byte {
		var pages []pagetest.PDFPage
		for i := range n {
			var lines []string
			for k := range 40 {
				lines = append(lines,
					fmt.Sprintf("%d.%d The quick brown fox jumps over the lazy dog, says this line.", i+1, k+1))
			}
			pages = append(pages, pagetest.Text(lines...))
		}
		return pagetest.PDF("", pages)
	},
	"tiff": func(n int) []byte {
		fax := pagetest.Fax(pagetest.Paper(2480, 3508, 40), 4, 3508, pagetest.FaxOptions{})
		return pagetest.TIFF(binary.LittleEndian, slices.Repeat([]pagetest.Picture{fax}, n)...)
	},
}

// long measures the reading of a long and a short document, each in a fresh process.
func long(r *run) error {
	rows := [][]string{{
		"document", "pages", "MB", "read", "less waits, ms a page", "decoder's CPU time", "added",
		"function's CPU time", "Firestore calls a page", "documents written", "commits KB", "opens", "sent MB",
		"allocated KB a page", "objects", "peak MB", "decoder's peak MB", "file in memory MB",
	}}
	for _, kind := range []string{"pdf", "tiff"} {
		var all []*reading
		for _, b := range []book{{kind, shortBook, 1}, {kind, longBook, 1}, {kind, longBook, pagesAtOnce}} {
			d, err := r.readBook(b, slowCommits)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", b.file(), b.way(), err)
			}
			rows, all = append(rows, d.row()), append(all, d)
			if r.profile != "" { // it takes minutes
				fmt.Fprintln(os.Stderr, strings.Join(d.row(), " | "))
			}
		}
		short, long, together := all[0], all[1], all[2]
		defer flat(r, short, long)
		each := together.each(together.counts.Commits)
		defer verdict(r.out, each <= 0.6,
			"%s: %d pages that are answered together take %.2f commits each, at most 0.60", kind, pagesAtOnce, each)
	}
	table(r.out, rows)
	return nil
}

// flat compares the costs of a page in a long and in a short document. The object's bytes are in memory once while its
// pages are made; the parts that a process has read count again in its peak.
func flat(r *run, short, long *reading) {
	cpu := long.each(int64(long.cpu)) / short.each(int64(short.cpu))
	bytes := long.each(int64(long.bytes)) / short.each(int64(short.bytes))
	more := long.peak + long.decoderPeak + long.inMemory - short.peak - short.decoderPeak - short.inMemory
	file := long.size - short.size
	verdict(r.out, cpu <= 1.25 && bytes <= 1.25 && more <= 2*file+10e6,
		"%s: a page of %d takes %.2f of the function's CPU time and %.2f of the memory allocated of one of %d, "+
			"at most 1.25; the peak of both processes is %s MB higher for a file that is %s MB larger, at most twice that and 10 MB",
		long.kind, long.pages, cpu, bytes, short.pages, mb(more), mb(file))
}

// reading holds the costs of reading a book.
type reading struct {
	book
	size              int64 // of the file, in bytes
	took, waited      time.Duration
	cpu, decoder      time.Duration // CPU time of the function's process, and of the decoder's
	counts            standin.Counts
	bytes, things     uint64 // allocated by the function's process
	peak, decoderPeak int64
	inMemory          int64 // the most bytes of objects that both processes share
}

func (d *reading) each(n int64) float64 { return float64(n) / float64(d.pages) }

// row omits the time less waits for concurrent pages: their waits overlap with work.
func (d *reading) row() []string {
	n := time.Duration(d.pages)
	less, added := "", ""
	if d.atOnce == 1 {
		less, added = ms((d.took-d.waited)/n), ms((d.took-d.waited-d.decoder)/n)
	}
	return []string{
		d.kind, fmt.Sprint(d.pages), fmt.Sprintf("%.1f", float64(d.size)/1e6), d.way(),
		less, ms(d.decoder / n), added, ms(d.cpu / n),
		fmt.Sprintf("%.2f", d.each(d.counts.Calls)), fmt.Sprintf("%.2f", d.each(d.counts.Writes)),
		fmt.Sprintf("%.1f", d.each(d.counts.CommitBytes)/1e3), fmt.Sprint(d.counts.Opens), mb(d.counts.PageBytes),
		fmt.Sprintf("%.0f", d.each(int64(d.bytes))/1e3), fmt.Sprintf("%.0f", d.each(int64(d.things))),
		mb(d.peak), mb(d.decoderPeak), mb(d.inMemory),
	}
}

// readBook makes a process read a document. A document of the same kind before it starts the decoders.
func (r *run) readBook(b book, waits standin.Waits) (*reading, error) {
	r.world.SetWaits(waits)
	file, first := books[b.kind](b.pages), "first."+b.kind
	r.world.Put(b.file(), file)
	r.world.Put(first, books[b.kind](2))
	p, err := r.exec(ours, 0, fmt.Sprintf("OCR_CONCURRENCY=%d", b.atOnce))
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if _, err := p.first(r.ctx, r.name(first)); err != nil {
		return nil, err
	}
	decoder, err := p.child()
	if err != nil {
		return nil, err
	}
	r.world.AnswerTogether(b.atOnce)
	defer r.world.AnswerTogether(1)
	before, err := look(p, decoder)
	if err != nil {
		return nil, err
	}
	counts, waited, start := r.world.Counts(), r.world.Waited(), time.Now()
	p.record(r.ctx, r.profile, "long-"+b.file(), 20*time.Second)
	most := p.mostObjects()
	err = p.one(r.ctx, r.name(b.file()))
	inMemory := most()
	if err != nil {
		return nil, fmt.Errorf("%w; its log ends: %s", err, r.tail(ours))
	}
	d := &reading{book: b, size: int64(len(file)), inMemory: inMemory,
		took: time.Since(start), waited: r.world.Waited() - waited,
		counts: r.world.Counts().Sub(counts)}
	after, err := look(p, decoder)
	if err != nil {
		return nil, err
	}
	if d.counts.Faults > 0 || d.counts.Pages != int64(b.pages) || r.world.Documents() == 0 {
		return nil, fmt.Errorf("not all pages were read: %+v", d.counts)
	}
	r.world.Forget()
	d.cpu, d.decoder = after.cpu-before.cpu, after.decoder-before.decoder
	d.bytes, d.things = after.bytes-before.bytes, after.things-before.things
	d.peak, d.decoderPeak = after.peak, after.decoderPeak
	return d, p.recordAllocations(r.profile, "long-"+b.file())
}

// mostObjects begins to look at objects many times a page. The function that it returns ends that, and returns the most
// bytes that there were at once.
func (p *process) mostObjects() func() int64 {
	end, most := make(chan struct{}), make(chan int64)
	go func() {
		n, tick := int64(0), time.NewTicker(10*time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				n = max(n, p.objects())
			case <-end:
				most <- n
				return
			}
		}
	}()
	return func() int64 { close(end); return <-most }
}

// look returns the costs of the two processes so far, and resets their peaks.
func look(p, decoder *process) (d reading, err error) {
	a, err := p.allocated()
	if err != nil {
		return d, err
	}
	d.bytes, d.things = a.Bytes, a.Objects
	for _, one := range []struct {
		p    *process
		cpu  *time.Duration
		peak *int64
	}{{p, &d.cpu, &d.peak}, {decoder, &d.decoder, &d.decoderPeak}} {
		if *one.cpu, err = one.p.cpu(); err != nil {
			return d, err
		}
		if *one.peak, err = one.p.residentMemory("VmHWM"); err != nil {
			return d, err
		}
		if err := one.p.clearPeak(); err != nil {
			return d, err
		}
	}
	return d, nil
}
