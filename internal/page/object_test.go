package page

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
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

// pdfOf is a PDF of pages, page n saying its number.
func pdfOf(n int) []byte {
	var pages []pagetest.PDFPage
	for i := range n {
		pages = append(pages, pagetest.Text(fmt.Sprintf("This is page %d", i+1)))
	}
	return pagetest.PDF("", pages)
}

// TestWaitingObjectKeepsNothing: where memory is short the file is dropped and read again, and all pages are made nevertheless.
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
			if ps.data != nil {
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

// TestGuessServesTheFirstAcquire: what the account holds before Split is not released before something else is acquired for it,
// so that an object that was admitted with enough does not wait.
func TestGuessServesTheFirstAcquire(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"converted PNG": pagetest.EncodePNG(pagetest.Paper(100, 100, 9)), "TIFF": tiffOf(t, 100, 2), "WebP": testFile(t, "video-001.lossy.webp"),
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

// TestPageReportsItsWaiting: for its turn and for memory, also where it fails.
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

// TestPageFailsAlone: what is wrong with one page of several is that page's.
func TestPageFailsAlone(t *testing.T) {
	t.Parallel()
	good := pagetest.Gray(pagetest.Paper(80, 60, 9), 60)
	tiff := pagetest.TIFF(binary.LittleEndian, good, good.With(259, 3, 50000), good.With(256, 4, 1<<20).With(257, 4, 1<<20), good.With(278, 4, 1))
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
	for name, data := range map[string][]byte{"the only page": pagetest.TIFF(binary.BigEndian, good.With(259, 3, 6)),
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

func TestLockedPDFIsEncrypted(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]Kind{"x": Encrypted, "": ""} {
		_, _, err := only(t, newObject(pagetest.Locked(password, pagetest.Text("secret"))), wide(60))
		if kindOf(err) != want || err != nil && want == "" {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// TestStartAcquiresMemory: an engine is started with as much memory acquired as there is, once, and again after its process
// died.
func TestStartAcquiresMemory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		total int64
		want  []int64
	}{
		{1 << 40, []int64{startMemory}},
		{200 << 20, []int64{startMemory, startMemory / 2}},
		{100 << 20, []int64{startMemory, startMemory / 2, startMemory / 4}},
	} {
		d := newDecoder()
		for range 2 {
			l := &ledger{total: c.total}
			lim := l.limits(60)
			lim.Decoder = d
			p := &object{lim: lim}
			for range 2 {
				if err := p.start(t.Context(), "nothing"); err != nil || !slices.Equal(l.acquired, c.want) || l.held != 0 {
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

// called is a picture that the decoder makes of what f does.
type called struct {
	header
	f func(ctx context.Context, in input) error
}

func (p *called) decode(ctx context.Context, in input) (image.Image, error) {
	if err := p.f(ctx, in); err != nil {
		return nil, err
	}
	return image.NewGray(image.Rect(0, 0, p.width, p.height)), nil
}

// calledPages are pages that do what each f does, of an object of three bytes.
func calledPages(t *testing.T, lim Limits, fs ...func(ctx context.Context, in input) error) *Pages {
	t.Helper()
	f := &format{name: "X", rooms: noRoom, pages: func(context.Context, input, Limits) (entries []entry, err error) {
		for _, f := range fs {
			entries = append(entries, entry{picture: &called{f: f, header: header{width: 9, height: 9, orientation: upright, gray: true,
				engine: "nothing", rooms: []int64{64, 256}}}})
		}
		return entries, nil
	}}
	p := &Pages{object: object{lim: lim, format: f, size: 3, src: newObject([]byte("abc")).source()}, turn: make(chan struct{}, 1)}
	if err := p.listPages(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEngineGetsMoreRoom: an engine that needs more room is given more, the next page has it at once, and in the end it is too large.
func TestEngineGetsMoreRoom(t *testing.T) {
	t.Parallel()
	needs, tried := int64(100), []int64(nil)
	f := func(_ context.Context, in input) error {
		if tried = append(tried, in.room); in.room < needs {
			return errRoom
		}
		return nil
	}
	l := &ledger{}
	p := calledPages(t, l.limits(60), f, f, f)
	for n := 1; n <= 2; n++ {
		if _, _, err := p.Page(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(tried, []int64{64, 256, 256}) || l.held != 3 {
		t.Errorf("%v, %d bytes held", tried, l.held)
	}
	needs = 1000
	if _, _, err := p.Page(t.Context(), 3); kindOf(err) != TooLarge || l.held != 3 {
		t.Errorf("%v, %d bytes held", err, l.held)
	}
}

// TestEndlessPageFailsAlone: a page whose decoding does not end fails, its process is ended, and the pages around it are made.
func TestEndlessPageFailsAlone(t *testing.T) {
	t.Parallel()
	d := newDecoder()
	defer d.Close()
	l := &ledger{}
	lim := l.limits(60)
	lim.Decoder = d
	works := func(ctx context.Context, in input) error {
		_, err := in.decoder.call(ctx, "nothing", in.data, in.room)
		return err
	}
	p := calledPages(t, lim, works, func(ctx context.Context, in input) error {
		before := d.child.Patience
		d.child.Patience = time.Millisecond
		defer func() { d.child.Patience = before }()
		_, err := in.decoder.call(ctx, "hang", in.data, in.room)
		return err
	}, works)
	for i, want := range []Kind{"", TooLarge, ""} {
		if _, _, err := p.Page(t.Context(), i+1); kindOf(err) != want || err != nil && want == "" || l.held != 3 {
			t.Errorf("page %d: %v, %d bytes held", i+1, err, l.held)
		}
	}
}
