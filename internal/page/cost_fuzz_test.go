package page

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"image"
	"runtime"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// Bounds on the cost of a file, by its size and what it acquired: allocated bytes, including garbage, and processor
// time.
const (
	allocatedAlways = 8 << 20
	// worst case: a TIFF of JPEG strips of one pixel each, with 20 KiB of tables for some bytes of the file
	allocatedPerByte = 8 << 10
	timeAlways       = 2 * time.Second
	timePerByte      = 20 * time.Microsecond
)

// FuzzCost makes pages of any bytes and compares the allocations, and while fuzzing the processor time, with the file's
// size. Everything is decoded in this process, so that it is measured. If stop is not 0, the context ends at that Read
// of the source: then the call must end, and nothing may stay acquired.
func FuzzCost(f *testing.F) {
	add := func(data []byte) { f.Add(data, uint8(0)); f.Add(data, uint8(1)); f.Add(data, uint8(3)) }
	addSeeds(f, add)
	add(pagetest.TileBomb(64, 1<<16, false))
	add(pagetest.TileBomb(640, 1<<10, true))
	add(pagetest.EndlessJPEG(200, 100))
	add(pagetest.OldJPEG(image.NewYCbCr(image.Rect(0, 0, 32, 16), image.YCbCrSubsampleRatio420), true))
	fax := pagetest.Paper(40, 30, 9)
	add(pagetest.TIFF(binary.LittleEndian, pagetest.Fax(fax, 2, 9, pagetest.FaxOptions{}),
		pagetest.Fax(fax, 3, 30, pagetest.FaxOptions{TwoDimensional: true, Fill: true}),
		pagetest.Fax(fax, 4, 30, pagetest.FaxOptions{Missing: 5})))
	add(pagetest.BigTIFF(binary.BigEndian,
		pagetest.Samples(fax, pagetest.Storage{Order: binary.BigEndian, Colour: 5, Bits: 12, Apart: true, Tile: 16})))
	g := pagetest.Gray(pagetest.Paper(40, 30, 9), 1)
	add(pagetest.TIFF(binary.LittleEndian, g, g.With(259, 3, 8), g.With(259, 3, 5), g.With(259, 3, 32773),
		g.With(259, 3, 4).With(258, 3, 1)))
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	f.Fuzz(func(t *testing.T, data []byte, stop uint8) {
		if engineFor(data) != "" {
			t.Skip("for FuzzEngines")
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		l := &ledger{}
		lim := Limits{Edge: 300, MaxBytes: 1 << 20, MaxPixels: 1 << 20, MaxPages: 20, Budget: l}
		o := newObject(data)
		o.before = func() {
			if o.reads.Load() == int64(stop) {
				cancel()
			}
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		begun, _ := threadTime()
		used := allocated(func() { err = manyPages(ctx, o, lim) })
		ended, timed := threadTime()
		size := int64(len(data))
		if most := allocatedAlways + allocatedPerByte*size + 6*l.most; used > most {
			t.Fatalf("%d bytes allocated for a file of %d that acquired %d: %v", used, size, l.most, err)
		}
		if took, most := ended-begun, timeAlways+timePerByte*time.Duration(size); fuzzing && timed && took > most {
			t.Fatalf("%v for a file of %d bytes: %v", took, size, err)
		}
		if l.held != 0 || o.opens.Load() != o.closes.Load() {
			t.Fatalf("%d bytes held, %d opens, %d closes", l.held, o.opens.Load(), o.closes.Load())
		}
		if ctx.Err() != nil && err == nil && o.read.Load() < size {
			t.Fatal("it went on after its context had ended")
		}
		if err != nil && kindOf(err) == "" && (ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
			t.Fatal(err)
		}
	})
}

// manyPages makes the first pages of an object.
func manyPages(ctx context.Context, o *fakeObject, lim Limits) error {
	ps, err := Split(ctx, o.source(), lim)
	if err != nil {
		return err
	}
	defer ps.Close()
	for n := range min(ps.Len(), 5) {
		if _, _, pageErr := ps.Page(ctx, n+1); err == nil {
			err = pageErr
		}
	}
	return err
}
