package page

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// pagesOf makes all pages of a file.
func pagesOf(t testing.TB, ps *Pages) (pages []*Page) {
	t.Helper()
	for n := range ps.Len() {
		pg, _, err := ps.Page(t.Context(), n+1)
		if err != nil {
			t.Fatalf("page %d: %v", n+1, err)
		}
		pages = append(pages, pg)
	}
	return pages
}

func TestPagesOfOneFileShareItsBytes(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"TIFF": tiffOf(t, 100, 5), "PDF": pdfOf(5)} {
		for _, size := range []int64{int64(len(data)), -1} {
			o := newObject(data)
			o.size = size
			l := &ledger{}
			ps, err := Split(t.Context(), o.source(), l.limits(60))
			if err != nil || ps.Len() != 5 {
				t.Fatal(name, err)
			}
			for i, pg := range pagesOf(t, ps) {
				if pg.Number != i+1 || max(pg.Width, pg.Height) != 60 || !strings.HasPrefix(pg.How, "from "+name) {
					t.Errorf("%s: %+v", name, pg)
				}
			}
			if l.held != int64(len(data)) || o.opens.Load() != 1 || o.closes.Load() != 1 {
				t.Errorf("%s: %d of %d bytes held, %d opens", name, l.held, len(data), o.opens.Load())
			}
			if err := ps.Close(); err != nil || l.held != 0 {
				t.Errorf("%s: %v, %d bytes held after Close", name, err, l.held)
			}
			if _, _, err := ps.Page(t.Context(), 2); err != nil || l.held != 0 || o.opens.Load() != 2 {
				t.Errorf("%s: after Close %v, %d bytes held", name, err, l.held)
			}
		}
	}
}

// pdfOf returns a PDF of pages, each with its number as the text.
func pdfOf(n int) []byte {
	var pages []pagetest.PDFPage
	for i := range n {
		pages = append(pages, pagetest.Text(fmt.Sprintf("This is page %d", i+1)))
	}
	return pagetest.PDF("", pages)
}

// TestWaitingObjectKeepsNothing: when memory is short, the file is dropped and read again, and all pages are made.
func TestWaitingObjectKeepsNothing(t *testing.T) {
	t.Parallel()
	data := tiffOf(t, 100, 4)
	for _, c := range []struct {
		name      string
		shortFrom int // the first page for which memory is short
		opens     int64
	}{
		{"never short", 5, 1},
		{"short in the middle", 3, 3},
		{"always short", 1, 5},
	} {
		o, l := newObject(data), &ledger{total: 1 << 40}
		ps, err := Split(t.Context(), o.source(), l.limits(60))
		if err != nil {
			t.Fatal(err)
		}
		l.waits = func() {
			if ps.file != nil {
				t.Errorf("%s: it waits for memory while the file is in memory", c.name)
			}
		}
		for n := 1; n <= 4; n++ {
			if n == c.shortFrom {
				l.others = l.total
			}
			if _, _, err := ps.Page(t.Context(), n); err != nil {
				t.Fatalf("%s, page %d: %v", c.name, n, err)
			}
		}
		if err := ps.Close(); err != nil || l.held != 0 || o.opens.Load() != c.opens || o.closes.Load() != c.opens {
			t.Errorf("%s: %v, %d bytes held, %d opens, want %d", c.name, err, l.held, o.opens.Load(), c.opens)
		}
	}
}

// TestGuessServesTheFirstAcquire: memory that the account holds before Split is kept for the first Acquire, so an
// object that was admitted with enough does not wait.
func TestGuessServesTheFirstAcquire(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"converted PNG": pagetest.EncodePNG(pagetest.Paper(100, 100, 9)), "TIFF": tiffOf(t, 100, 2),
		"WebP":            testFile(t, "video-001.lossy.webp"),
		"PNG that passes": testFile(t, "basn0g08.png"),
	} {
		l := &ledger{held: 1 << 30}
		l.waits = func() {
			t.Errorf("%s: it waits for %d bytes and holds %d", name, l.acquired[len(l.acquired)-1], l.held)
		}
		ps, err := Split(t.Context(), newObject(data).source(), l.limits(60))
		if err != nil {
			t.Fatal(name, err)
		}
		if _, _, err := ps.Page(t.Context(), 1); err != nil || l.held > int64(len(data)) {
			t.Errorf("%s: %v, %d bytes held after it", name, err, l.held)
		}
		if err := ps.Close(); err != nil || l.held != 0 {
			t.Errorf("%s: %v, %d bytes held after Close", name, err, l.held)
		}
	}
}

// TestPageReportsItsWaiting: the wait for its turn and for memory is reported, also with an error.
func TestPageReportsItsWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{waits: func() { time.Sleep(3 * time.Second) }}
		ps, err := Split(t.Context(), newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9))).source(), l.limits(60))
		if err != nil {
			t.Fatal(err)
		}
		defer ps.Close()
		page := func(want time.Duration, wantErr error) {
			if _, waited, err := ps.Page(t.Context(), 1); waited != want || err != wantErr {
				t.Errorf("it waited %v, want %v: %v", waited, want, err)
			}
		}
		go page(3*time.Second, nil)
		synctest.Wait() // the first one waits for memory
		page(6*time.Second, nil)
		l.refuse = errRefused
		page(3*time.Second, errRefused)
	})
}

// TestPageFailsAlone: a fault of one page does not affect the others.
func TestPageFailsAlone(t *testing.T) {
	t.Parallel()
	good := pagetest.Gray(pagetest.Paper(80, 60, 9), 60)
	tiff := pagetest.TIFF(binary.LittleEndian, good, good.With(259, 3, 50000),
		good.With(256, 4, 1<<20).With(257, 4, 1<<20), good.With(278, 4, 1))
	broken := []byte(strings.Replace(string(pdfOf(3)), "/Kids [4 0 R 6 0 R", "/Kids [4 0 R 77 0 R", 1))
	for name, c := range map[string]struct {
		data []byte
		want []Kind
	}{"TIFF": {tiff, []Kind{"", Unsupported, TooLarge, Corrupt}}, "PDF": {broken, []Kind{"", Corrupt, ""}}} {
		l := &ledger{}
		ps, err := Split(t.Context(), newObject(c.data).source(), l.limits(60))
		if err != nil || ps.Len() != len(c.want) {
			t.Fatal(name, err)
		}
		for i, want := range c.want {
			if _, _, err := ps.Page(t.Context(), i+1); kindOf(err) != want || err != nil && want == "" {
				t.Errorf("%s, page %d: %v", name, i+1, err)
			}
			if l.held > int64(len(c.data)) {
				t.Errorf("%s, page %d: %d bytes held", name, i+1, l.held)
			}
		}
		_ = ps.Close()
	}
	for name, data := range map[string][]byte{"the only page": pagetest.TIFF(binary.BigEndian,
		good.With(259, 3, 50000)),
		"only page too large": pagetest.TIFF(binary.BigEndian, good.With(256, 4, 1<<20).With(257, 4, 1<<20))} {
		if _, err := Split(t.Context(), newObject(data).source(), wide(60)); kindOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTooManyPages(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"TIFF": tiffOf(t, 20, 3), "PDF": pdfOf(3)} {
		lim := wide(60)
		lim.MaxPages = 2
		_, err := Split(t.Context(), newObject(data).source(), lim)
		if kindOf(err) != TooLarge || !strings.Contains(err.Error(), "limit of 2") {
			t.Errorf("%s: %v", name, err)
		}
		lim.MaxPages = 3
		if ps, err := Split(t.Context(), newObject(data).source(), lim); err != nil || ps.Close() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFirstPagesOfALongObject: with Limits.First the first pages are made, and Total counts all.
func TestFirstPagesOfALongObject(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"TIFF": tiffOf(t, 20, 5), "PDF": pdfOf(5)} {
		for most, want := range map[int]int{1: 1, 2: 2, 5: 5, 6: 5} {
			lim := wide(60)
			lim.MaxPages, lim.First = most, true
			ps, err := Split(t.Context(), newObject(data).source(), lim)
			if err != nil {
				t.Fatalf("%s, %d: %v", name, most, err)
			}
			if ps.Len() != want || ps.Total() != 5 {
				t.Errorf("%s, %d: %d of %d pages", name, most, ps.Len(), ps.Total())
			}
			for n := 1; n <= want; n++ {
				if pg, _, err := ps.Page(t.Context(), n); err != nil || pg.Number != n {
					t.Errorf("%s, %d: page %d: %v", name, most, n, err)
				}
			}
			if _, _, err := ps.Page(t.Context(), want+1); err == nil {
				t.Errorf("%s, %d: page %d was made", name, most, want+1)
			}
			if err := ps.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestLockedPDFIsEncrypted(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]Kind{"x": Encrypted, "": ""} {
		_, _, err := only(t, newObject(pagetest.Locked(password, pagetest.Text("secret"))), wide(60))
		if kindOf(err) != want || err != nil && want == "" {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// TestStartAcquiresMemory: starting an engine acquires as much memory as there is. It is started once, and again after
// its process died.
func TestStartAcquiresMemory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		total int64
		want  []int64
	}{
		{1 << 40, []int64{compileMemory}},
		{200 << 20, []int64{compileMemory, compileMemory / 2}},
		{100 << 20, []int64{compileMemory, compileMemory / 2, compileMemory / 4}},
	} {
		d := newDecoder()
		for range 2 {
			l := &ledger{total: c.total}
			lim := l.limits(60)
			lim.Decoder = d
			p := &object{lim: lim}
			for range 2 {
				if err := p.start(t.Context(), "nothing"); err != nil || !slices.Equal(l.acquired, c.want) ||
					l.held != 0 {
					t.Errorf("%v, %v, %d bytes held", err, l.acquired, l.held)
				}
			}
			d.Close()
		}
	}
	p := &object{lim: (&ledger{}).limits(60)}
	if err := p.start(t.Context(), "unknown"); err == nil || kindOf(err) != "" {
		t.Error(err)
	}
	if p.lim.Decoder = nil; p.start(t.Context(), "nothing") != errNoDecoder {
		t.Error("without a Decoder something was started")
	}
}

// calledPages returns pages that are made by these calls, of an object with these bytes.
func calledPages(t *testing.T, lim Limits, data string, calls ...string) *Pages {
	t.Helper()
	f := &format{name: "X", pages: func(context.Context, *object, int64) (entries []entry, err error) {
		for _, call := range calls {
			op, arg, _ := strings.Cut(call, " ")
			n, _ := strconv.ParseInt(arg, 10, 64)
			entries = append(entries,
				entry{picture: &picture{call: op, args: []int64{n},
					header: header{width: 9, height: 9, orientation: upright,
						gray: true, engine: "nothing", rooms: []int64{64, 256}}}})
		}
		return entries, nil
	}}
	src := newObject([]byte(data)).source()
	if lim.Budget == nil {
		lim.Budget = unlimited{}
	}
	p := &Pages{object: object{lim: lim, format: f, size: int64(len(data)), src: src}, turn: make(chan struct{}, 1)}
	if err := p.listPages(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEngineGetsMoreRoom: an engine that needs more room gets it, and the next page starts with it. A page that needs
// more than the largest room is too large.
func TestEngineGetsMoreRoom(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	p := calledPages(t, l.limits(60), "abc", "needs 100", "needs 100", "needs 1000")
	if err := p.start(t.Context(), "nothing"); err != nil {
		t.Fatal(err)
	}
	p.lim.Budget.Shrink(3)
	l.grown = nil
	rooms := func() (rooms []int64) {
		least := (&header{width: 9, height: 9, gray: true}).peak(60)
		for _, n := range l.grown {
			if n -= least + 3*sandbox.Copies; n >= 0 {
				rooms = append(rooms, n)
			}
		}
		return rooms
	}
	for n := 1; n <= 2; n++ {
		if _, _, err := p.Page(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if got := rooms(); !slices.Equal(got, []int64{64, 256, 256}) || l.held != 3 {
		t.Errorf("%v, %d bytes held", got, l.held)
	}
	if _, _, err := p.Page(t.Context(), 3); kindOf(err) != TooLarge || l.held != 3 {
		t.Errorf("%v, %d bytes held", err, l.held)
	}
}

// limited returns a Decoder with limits on its calls.
func limited(t *testing.T, l sandbox.Limits) *Decoder {
	t.Helper()
	d := newDecoder()
	d.child.Limit(l)
	t.Cleanup(d.Close)
	return d
}

// TestEndlessPageFailsAlone: a page whose decoding does not end, busy or idle, fails as too slow. Its process is
// killed, and the other pages are made.
func TestEndlessPageFailsAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		call   string
		limits sandbox.Limits
	}{
		{"spin", sandbox.Limits{Processor: 50 * time.Millisecond, Clock: time.Hour}},
		{"hang", sandbox.Limits{Processor: time.Hour, Clock: 50 * time.Millisecond}},
	} {
		l := &ledger{}
		lim := l.limits(60)
		lim.Decoder = newDecoder()
		t.Cleanup(lim.Decoder.Close)
		p := calledPages(t, lim, "abc", "works", c.call, "works")
		for i, want := range []Kind{"", TooSlow, ""} {
			before := lim.Decoder.child.Limits()
			if want == TooSlow {
				lim.Decoder.child.Limit(c.limits)
			}
			_, _, err := p.Page(t.Context(), i+1)
			lim.Decoder.child.Limit(before)
			if kindOf(err) != want || err != nil && want == "" || l.held > 3 {
				t.Errorf("%s, page %d: %v, %d bytes held", c.call, i+1, err, l.held)
			}
		}
	}
}

// TestNeighboursOfAnEndlessPageGoOn: other objects are made as soon as its time is over; PNG and JPEG need not wait for
// that.
func TestNeighboursOfAnEndlessPageGoOn(t *testing.T) {
	t.Parallel()
	d := limited(t, sandbox.Limits{Processor: 200 * time.Millisecond, Clock: time.Hour})
	lim := wide(60)
	lim.Decoder = d
	endless := calledPages(t, lim, "abc", "spin", "works")
	done := make(chan error)
	go func() { _, _, err := endless.Page(t.Context(), 1); done <- err }()
	if _, _, err := only(t, newObject(pagetest.EncodePNG(pagetest.Paper(100, 80, 9))), lim); err != nil {
		t.Error(err)
	}
	if _, _, err := only(t, newObject(testFile(t, "bmp_8bpp.bmp")), lim); err != nil {
		t.Error(err)
	}
	if err := <-done; kindOf(err) != TooSlow {
		t.Error(err)
	}
}

// TestContextEndsTheDecoder: when a page's context ends while the Decoder works on it, or while it waits for the
// Decoder, the call ends and releases its turn and memory.
func TestContextEndsTheDecoder(t *testing.T) {
	t.Parallel()
	d := newDecoder()
	t.Cleanup(d.Close)
	budgets := [2]*ledger{{}, {}}
	var done [2]chan error
	ctx, cancel := context.WithCancel(t.Context())
	var pages [2]*Pages
	for i, l := range budgets {
		lim := l.limits(60)
		lim.Decoder = d
		pages[i], done[i] = calledPages(t, lim, "abc", "spin", "works"), make(chan error, 1)
	}
	for i, p := range pages {
		go func() { _, _, err := p.Page(ctx, 1); done[i] <- err }()
	}
	cancel()
	for i, p := range pages {
		if err := <-done[i]; err != context.Canceled {
			t.Error(err)
		}
		if len(p.turn) != 0 || budgets[i].held > 3 {
			t.Errorf("%d turns taken, %d bytes held", len(p.turn), budgets[i].held)
		}
		if _, _, err := p.Page(t.Context(), 2); err != nil {
			t.Error("after it:", err)
		}
		if err := p.Close(); err != nil || budgets[i].held != 0 {
			t.Errorf("%v, %d bytes held", err, budgets[i].held)
		}
	}
}

// TestCrashIsTriedOnceMore: a page at which the Decoder's process dies is tried once more in a new one. If that dies,
// too, the page is corrupt, and the others are made.
func TestCrashIsTriedOnceMore(t *testing.T) {
	t.Parallel()
	lim := wide(60)
	lim.Decoder = newDecoder()
	t.Cleanup(lim.Decoder.Close)
	l := &ledger{}
	lim.Budget = l
	name := filepath.Join(t.TempDir(), "died")
	p := calledPages(t, lim, name, "works", "once", "die", "works", "panic", "works")
	for i, want := range []Kind{"", "", Corrupt, "", "none", ""} {
		_, _, err := p.Page(t.Context(), i+1)
		if want == "none" && err != nil && strings.Contains(err.Error(), "panic: index out of range") {
			want = ""
			err = nil
		}
		if kindOf(err) != want || err != nil && want == "" || l.held > int64(len(name)) {
			t.Errorf("page %d: %v, %d bytes held", i+1, err, l.held)
		}
		if want == Corrupt && err.Error() != "the decoder crashed on it" {
			t.Errorf("%q", err)
		}
	}
	if _, err := os.Stat(name); err != nil {
		t.Error("it did not die:", err)
	}
}

// TestObjectsInTurnAreLoadedOnce: two objects whose pages are made in turn are read from their sources once each, the
// Decoder decodes the right one, and the function's heap holds neither, however many pages there are.
func TestObjectsInTurnAreLoadedOnce(t *testing.T) {
	const pages, rest = 6, 16 << 20
	var objects [2]*fakeObject
	var budgets [2]*ledger
	var all [2]*Pages
	for i := range objects {
		data := append(tiffOf(t, 100*(i+1), pages), make([]byte, rest)...)
		objects[i], budgets[i] = newObject(data), &ledger{}
	}
	used := allocated(func() {
		for i, o := range objects {
			ps, err := Split(t.Context(), o.source(), budgets[i].limits(1540))
			if err != nil {
				t.Fatal(err)
			}
			all[i] = ps
		}
		for n := 1; n <= pages; n++ {
			for i, ps := range all {
				pg, _, err := ps.Page(t.Context(), n)
				if err != nil || pg.Width != 100*(i+1)+n || budgets[i].held != objects[i].size {
					t.Fatalf("page %d of object %d: %+v, %v, %d bytes held", n, i, pg, err, budgets[i].held)
				}
			}
		}
	})
	for i, o := range objects {
		if _ = all[i].Close(); o.opens.Load() != 1 || o.read.Load() != o.size || budgets[i].held != 0 {
			t.Errorf("object %d: %d opens, %d bytes read of %d, %d held", i, o.opens.Load(), o.read.Load(), o.size,
				budgets[i].held)
		}
	}
	if sandbox.Copies > 1 {
		t.Skip("NOT TESTED: here objects are in the heap")
	}
	if used > rest/4 {
		t.Errorf("the heap grew by %d KiB for two objects of %d MiB", used>>10, rest>>20)
	}
}

// TestDroppedObjectIsReadAgain: from its source, since nothing of it is kept, here or in the Decoder.
func TestDroppedObjectIsReadAgain(t *testing.T) {
	t.Parallel()
	d := newDecoder()
	t.Cleanup(d.Close)
	o := newObject([]byte("one"))
	p := calledPages(t, wideWith(d), "", "says", "says")
	p.src, p.size = o.source(), 3
	for i, s := range []struct {
		before func()
		want   string // the bytes that the Decoder reads
	}{
		{p.drop, "one"}, {func() { o.data = []byte("two") }, "one"}, {p.drop, "two"},
		{func() { o.data = []byte("new") }, "two"}, {func() { _ = p.Close() }, "new"},
	} {
		s.before()
		if _, _, err := p.Page(t.Context(), 1+i%2); kindOf(err) != Corrupt || err.Error() != s.want {
			t.Errorf("call %d: %v, want %s", i, err, s.want)
		}
	}
}

func wideWith(d *Decoder) Limits {
	lim := wide(60)
	lim.Decoder = d
	return lim
}
