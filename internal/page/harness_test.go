package page

import (
	"bytes"
	"context"
	"errors"
	"image"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// decoder is shared by all tests, since starting PDFium takes seconds.
var decoder = newDecoder()

// newDecoder returns a Decoder with time limits that suit a loaded machine and the race detector.
func newDecoder() *Decoder {
	return &Decoder{child: sandbox.New(sandbox.Limits{Processor: time.Hour, Clock: time.Hour})}
}

// TestMain also serves as the decoder process of these tests, which answers some calls that only tests make.
func TestMain(m *testing.M) {
	calls := handlers()
	calls["nothing"] = func(_ context.Context, m sandbox.Message) (sandbox.Message, error) { return m, nil }
	for op, decode := range testDecoders {
		calls[op] = decode.serve
	}
	sandbox.ServeIfChild(calls, errorCode)
	code := m.Run()
	decoder.Close()
	os.Exit(code)
}

// testDecoders are calls that only tests make. Their pages have 9 x 9 pixels.
var testDecoders = map[string]decoding{
	"works": func(context.Context, []byte, int64, []int64) (image.Image, error) {
		return image.NewGray(image.Rect(0, 0, 9, 9)), nil
	},
	// says fails with its input as the message.
	"says": func(_ context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
		return nil, corrupt(string(file), nil)
	},
	"hang": func(context.Context, []byte, int64, []int64) (image.Image, error) { select {} },
	"spin": func(context.Context, []byte, int64, []int64) (image.Image, error) {
		for spun = 0; ; spun++ {
		}
	},
	"die":   func(context.Context, []byte, int64, []int64) (image.Image, error) { os.Exit(3); return nil, nil },
	"panic": func(context.Context, []byte, int64, []int64) (image.Image, error) { panic("index out of range") },
	// needs fails if its room is less than its argument.
	"needs": func(_ context.Context, _ []byte, room int64, args []int64) (image.Image, error) {
		if room < args[0] {
			return nil, errRoom
		}
		return image.NewGray(image.Rect(0, 0, 9, 9)), nil
	},
	// once dies unless a file with this name exists, which it then creates.
	"once": func(_ context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
		f, err := os.OpenFile(string(file), os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_ = f.Close()
			os.Exit(3)
		}
		return image.NewGray(image.Rect(0, 0, 9, 9)), nil
	},
}

var spun int // incremented by the endless call

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testFiles(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	files := map[string][]byte{}
	for _, n := range names {
		files[filepath.Base(n)] = testFile(t, filepath.Base(n))
	}
	return files
}

// wide returns limits that no test reaches.
func wide(edge int) Limits {
	return Limits{Edge: edge, MaxBytes: 64 << 20, MaxPixels: 60e6, MaxPages: 10, Decoder: decoder}
}

// only makes the only page of an object, and reads its bytes.
func only(t testing.TB, o *fakeObject, lim Limits) (*Page, []byte, error) {
	t.Helper()
	ctx := t.Context()
	ps, err := Split(ctx, o.source(), lim)
	if err != nil {
		return nil, nil, err
	}
	defer ps.Close()
	pg, _, err := ps.Page(ctx, 1)
	if err != nil {
		return nil, nil, err
	}
	b, err := content(pg)
	return pg, b, err
}

func content(pg *Page) ([]byte, error) {
	r, err := pg.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// converted makes the page of data and decodes its bytes.
func converted(t testing.TB, data []byte, edge int) (*Page, image.Image) {
	t.Helper()
	pg, b, err := only(t, newObject(data), wide(edge))
	if err != nil {
		t.Fatal(err)
	}
	m, kind, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if pg.Type != "image/"+kind || pg.Size != int64(len(b)) || m.Bounds().Size() != image.Pt(pg.Width, pg.Height) {
		t.Fatalf("page says %s of %d bytes, %d x %d; is %s of %d, %v",
			pg.Type, pg.Size, pg.Width, pg.Height, kind, len(b), m.Bounds())
	}
	return pg, m
}

func kindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// ledger is a Budget that checks its callers.
type ledger struct {
	total    int64 // bytes that exist; 0: unlimited
	others   int64 // bytes that others hold, so that TryGrow cannot get them
	refuse   error // returned by Acquire
	acquired []int64
	grown    []int64 // totals that Acquire and TryGrow were asked for
	waits    func()  // called when Acquire may have to wait; may be nil

	held, most int64
	busy       atomic.Bool
}

// enter panics if calls overlap.
func (l *ledger) enter() (leave func()) {
	if l.busy.Swap(true) {
		panic("calls of a Budget overlap")
	}
	return func() { l.busy.Store(false) }
}

func (l *ledger) Acquire(ctx context.Context, n int64) error {
	defer l.enter()()
	l.acquired, l.grown = append(l.acquired, n), append(l.grown, n)
	if n > l.held && l.waits != nil {
		l.waits()
	}
	switch {
	case l.refuse != nil:
		return l.refuse
	case l.total > 0 && n > l.total:
		return &Error{Kind: TooLarge, Msg: "budget"}
	}
	l.held, l.most = n, max(l.most, n)
	return nil
}

func (l *ledger) TryGrow(n int64) bool {
	defer l.enter()()
	l.grown = append(l.grown, n)
	if l.total > 0 && n > l.total-l.others {
		return false
	}
	l.held = max(l.held, n)
	l.most = max(l.most, l.held)
	return true
}

func (l *ledger) Shrink(n int64) {
	defer l.enter()()
	l.held = min(l.held, n)
}

// limits returns wide limits with the ledger.
func (l *ledger) limits(edge int) Limits {
	lim := wide(edge)
	lim.MaxPages, lim.Budget = 400, l
	return lim
}

// allocated returns the total bytes that f allocates, which is never less than its peak. Tests that use it must not run
// in parallel.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// fakeObject is a Source that counts calls, and can be made to fail.
type fakeObject struct {
	data   []byte
	size   int64 // declared size
	fail   error // returned instead of the byte at failAt, or of io.EOF
	failAt int
	before func() // called before each Read
	step   int    // the most bytes that a Read returns; 0: unlimited

	opens, closes, read, reads atomic.Int64
}

func newObject(data []byte) *fakeObject { return &fakeObject{data: data, size: int64(len(data))} }

func (o *fakeObject) source() Source {
	return Source{Open: func(ctx context.Context) (io.ReadCloser, int64, error) {
		o.opens.Add(1)
		return &fakeReader{o: o}, o.size, nil
	}}
}

type fakeReader struct {
	o      *fakeObject
	at     int
	closed bool
}

func (r *fakeReader) Read(p []byte) (int, error) {
	if r.o.reads.Add(1); r.o.before != nil {
		r.o.before()
	}
	end := len(r.o.data)
	if r.o.fail != nil {
		end = min(end, r.o.failAt)
	}
	if r.o.step > 0 {
		end = min(end, r.at+r.o.step)
	}
	n := copy(p, r.o.data[r.at:end])
	r.at += n
	r.o.read.Add(int64(n))
	switch {
	case n > 0 || len(p) == 0:
		return n, nil
	case r.o.fail != nil:
		return 0, r.o.fail
	}
	return 0, io.EOF
}

func (r *fakeReader) Close() error {
	if r.closed {
		return errors.New("closed twice")
	}
	r.closed = true
	r.o.closes.Add(1)
	return nil
}
