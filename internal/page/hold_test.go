package page

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// budget is a ledger of so many bytes, of which others may take some.
type budget struct {
	ledger
	total, others int64
	seen          []int64 // what was reserved, in order
}

func (b *budget) reserve(ctx context.Context, n int64) error {
	b.seen = append(b.seen, n)
	if n > b.total {
		return &Error{Kind: TooLarge, Msg: "budget"}
	}
	return b.ledger.reserve(ctx, n)
}

func (b *budget) grow(n int64) bool {
	if n > b.total-b.others {
		return false
	}
	b.held = max(b.held, n)
	return true
}

func (b *budget) limits(edge int) Limits {
	lim := wide(edge)
	lim.MaxPages, lim.Reserve, lim.Grow = 400, b.reserve, b.grow
	return lim
}

// pagesOf makes all pages of a file.
func pagesOf(t testing.TB, ps *Pages) (pages []*Page) {
	t.Helper()
	for n := range ps.Len() {
		pg, err := ps.Page(t.Context(), n+1)
		if err != nil {
			t.Fatalf("page %d: %v", n+1, err)
		}
		pages = append(pages, pg)
	}
	return pages
}

func TestManyPages(t *testing.T) {
	for name, data := range map[string][]byte{"TIFF": tiffOf(t, 100, 5), "PDF": pdfOf(5)} {
		for _, size := range []int64{int64(len(data)), -1} {
			o := newObject(data)
			o.size = size
			b := &budget{total: 1 << 40}
			ps, err := Split(t.Context(), o.source(), b.limits(60))
			if err != nil || ps.Len() != 5 {
				t.Fatal(name, err)
			}
			for i, pg := range pagesOf(t, ps) {
				if pg.Number != i+1 || max(pg.Width, pg.Height) != 60 || !strings.HasPrefix(pg.How, "from "+name) {
					t.Errorf("%s: %+v", name, pg)
				}
			}
			if b.held != int64(len(data)) || o.opens.Load() != 1 || o.closes.Load() != 1 {
				t.Errorf("%s: %d of %d bytes held, %d opens", name, b.held, len(data), o.opens.Load())
			}
			if err := ps.Close(); err != nil || b.held != 0 {
				t.Errorf("%s: %v, %d bytes held after Close", name, err, b.held)
			}
			if _, err := ps.Page(t.Context(), 2); err != nil || b.held != 0 || o.opens.Load() != 2 {
				t.Errorf("%s: after Close %v, %d bytes held", name, err, b.held)
			}
		}
	}
}

// pdfOf is a PDF of pages, page n saying its number.
func pdfOf(n int) []byte {
	var leaves []pagetest.Leaf
	for i := range n {
		leaves = append(leaves, pagetest.Text(fmt.Sprintf("This is page %d", i+1)))
	}
	return pagetest.PDF("", leaves)
}

// TestWhoWaitsHoldsNothing: where memory is short the file is let go and read again, and all pages are made nevertheless.
func TestWhoWaitsHoldsNothing(t *testing.T) {
	data := tiffOf(t, 100, 4)
	o := newObject(data)
	b := &budget{total: 1 << 40}
	ps, err := Split(t.Context(), o.source(), b.limits(60))
	if err != nil {
		t.Fatal(err)
	}
	defer ps.Close()
	for n := 1; n <= 4; n++ {
		if n == 3 {
			b.others = b.total
		}
		if _, err := ps.Page(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if o.opens.Load() != 3 || o.closes.Load() != 3 {
		t.Errorf("%d opens, want one and one for each of two pages", o.opens.Load())
	}
	// The ledger panics where more is reserved while something is held.
	b = &budget{total: 1 << 40}
	lim := b.limits(60)
	lim.Grow = nil
	if ps, err = Split(t.Context(), o.source(), lim); err != nil {
		t.Fatal(err)
	}
	pagesOf(t, ps)
	_ = ps.Close()
	if b.held != 0 {
		t.Errorf("%d bytes held", b.held)
	}
}

// TestPageFailsAlone: what is wrong with one page of several is that page's.
func TestPageFailsAlone(t *testing.T) {
	good := pagetest.Gray(paper(t, 80, 60, 9), 60)
	tiff := pagetest.TIFF(binary.LittleEndian, good, good.With(259, 3, 50000), good.With(256, 4, 1<<20).With(257, 4, 1<<20), good.With(278, 4, 1))
	broken := []byte(strings.Replace(string(pdfOf(3)), "/Kids [4 0 R 6 0 R", "/Kids [4 0 R 77 0 R", 1))
	for name, c := range map[string]struct {
		data []byte
		want []Kind
	}{"TIFF": {tiff, []Kind{"", Unsupported, TooLarge, Corrupt}}, "PDF": {broken, []Kind{"", Corrupt, ""}}} {
		b := &budget{total: 1 << 40}
		ps, err := Split(t.Context(), newObject(c.data).source(), b.limits(60))
		if err != nil || ps.Len() != len(c.want) {
			t.Fatal(name, err)
		}
		for i, want := range c.want {
			if _, err := ps.Page(t.Context(), i+1); kindOf(err) != want || err != nil && want == "" {
				t.Errorf("%s, page %d: %v", name, i+1, err)
			}
			if b.held > int64(len(c.data)) {
				t.Errorf("%s, page %d: %d bytes held", name, i+1, b.held)
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

func TestMaxPages(t *testing.T) {
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

func TestEncrypted(t *testing.T) {
	for password, want := range map[string]Kind{"x": Encrypted, "": ""} {
		_, _, err := only(t, newObject(pagetest.Locked(password, pagetest.Text("secret"))), wide(60))
		if kindOf(err) != want || err != nil && want == "" {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// TestStart: an engine is started with as much memory reserved as there is, once, and again after its process died.
func TestStart(t *testing.T) {
	defer func(c *sandbox.Child) { decoders = c }(decoders)
	for _, c := range []struct {
		total int64
		want  []int64
	}{
		{1 << 40, []int64{startMemory, 0}},
		{200 << 20, []int64{startMemory, startMemory / 2, 0}},
		{100 << 20, []int64{startMemory, startMemory / 2, startMemory / 4, 0}},
	} {
		decoders = &sandbox.Child{Patience: time.Minute}
		b := &budget{total: c.total}
		p := &Pages{lim: b.limits(60)}
		for range 2 {
			if err := p.start(t.Context(), "nothing"); err != nil || !slices.Equal(b.seen, c.want) {
				t.Errorf("%v, %v", err, b.seen)
			}
		}
		decoders.Close()
	}
	p := &Pages{lim: wide(60)}
	if err := p.start(t.Context(), "unknown"); err == nil || kindOf(err) != "" {
		t.Error(err)
	}
}

// TestRooms: an engine that needs more room is given more, the next page has it at once, and in the end it is too large.
func TestRooms(t *testing.T) {
	needs := int64(100)
	var tried []int64
	h := &header{format: "X", foreign: true, width: 9, height: 9, orientation: upright, channels: 1, engine: "nothing", rooms: []int64{64, 256}}
	h.decode = func(in input) (image.Image, error) {
		if tried = append(tried, in.room); in.room < needs {
			return nil, errRoom
		}
		return image.NewGray(image.Rect(0, 0, 9, 9)), nil
	}
	b := &budget{total: 1 << 40}
	p := &Pages{lim: b.limits(60), leaves: []leaf{{head: h}, {head: h}}, holder: true, size: 3, turn: make(chan struct{}, 1),
		src: newObject([]byte("abc")).source()}
	for range 2 {
		if _, err := p.develop(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(tried, []int64{64, 256, 256}) || b.held != 3 {
		t.Errorf("%v, %d bytes held", tried, b.held)
	}
	if needs = 1000; true {
		if _, err := p.develop(t.Context(), h); kindOf(err) != TooLarge || b.held != 3 {
			t.Errorf("%v, %d bytes held", err, b.held)
		}
	}
}

// TestSlowPage: a page that does not end fails, and the pages around it do not.
func TestSlowPage(t *testing.T) {
	if err := decoders.Start(t.Context(), "pdf"); err != nil {
		t.Fatal(err)
	}
	defer func(d time.Duration) { decoders.Patience = d }(decoders.Patience)
	tile := pagetest.Stream("/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 10 10] /XStep 0.0001 /YStep 0.0001 /Resources << >>",
		[]byte("0 0 5 5 re f"))
	text := pagetest.Text("x")
	slow := pagetest.Leaf{Width: 600, Height: 600, Content: "/Pattern cs /P scn 0 0 600 600 re f",
		Resources: fmt.Sprintf("/Pattern << /P %d 0 R >>", pagetest.FirstFree(3))}
	ps, err := Split(t.Context(), newObject(pagetest.PDF("", []pagetest.Leaf{text, slow, text}, tile)).source(), wide(300))
	if err != nil {
		t.Fatal(err)
	}
	defer ps.Close()
	for n, want := range []Kind{"", TooLarge, ""} {
		decoders.Patience = time.Minute
		if want != "" {
			decoders.Patience = 2 * time.Second
		}
		if _, err := ps.Page(t.Context(), n+1); kindOf(err) != want || err != nil && want == "" {
			t.Errorf("page %d: %v", n+1, err)
		}
	}
}
