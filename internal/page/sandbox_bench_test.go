//go:build linux

package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/bmp"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// BenchmarkSandbox compares pages that are made in the decoders' process with the same pages made in this process, in
// turns, by the processor time of both processes and by what this one allocates.
func BenchmarkSandbox(b *testing.B) {
	fax := pagetest.Bilevel(pagetest.Scanned(pagetest.Paper(2480, 3508, 46), 2))
	var bitmap bytes.Buffer
	if err := bmp.Encode(&bitmap, pagetest.Photo(pagetest.Paper(4032, 3024, 46))); err != nil {
		b.Fatal(err)
	}
	decoder.Close() // it is a child, too
	for name, data := range map[string][]byte{
		"fax, 20 pages":     pagetest.TIFF(binary.LittleEndian, slices.Repeat([]pagetest.Picture{fax}, 20)...),
		"progressive 12 MP": pagetest.EndlessJPEG(3500, 10),
		"BMP 12 MP":         bitmap.Bytes(),
	} {
		b.Run(name, func(b *testing.B) {
			type side struct {
				decoder   *Decoder
				used      time.Duration
				allocated uint64
			}
			here, apart := &side{}, &side{decoder: newDecoder()}
			defer apart.decoder.Close()
			pages := 0
			makeAll := func(s *side) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				used := processors(b) + ofChildren(b)
				lim := wide(1540)
				lim.Decoder, lim.MaxPages = s.decoder, 20
				ps, err := Split(context.Background(), newObject(data).source(), lim)
				if err != nil {
					b.Fatal(err)
				}
				for n := range ps.Len() {
					readPage(b, ps, n+1)
				}
				pages = ps.Len()
				_ = ps.Close()
				runtime.ReadMemStats(&after)
				s.used += processors(b) + ofChildren(b) - used
				s.allocated += after.TotalAlloc - before.TotalAlloc
			}
			makeAll(apart) // starts the process
			*apart = side{decoder: apart.decoder}
			for b.Loop() {
				makeAll(here)
				makeAll(apart)
			}
			total := float64(b.N * pages)
			b.ReportMetric(apart.used.Seconds()/here.used.Seconds(), "x")
			b.ReportMetric(1e3*here.used.Seconds()/total, "ms/page")
			b.ReportMetric(1e3*apart.used.Seconds()/total, "apart-ms/page")
			b.ReportMetric(float64(here.allocated)/1e6/total, "MB/page")
			b.ReportMetric(float64(apart.allocated)/1e6/total, "apart-MB/page")
		})
	}
}

// ofChildren returns the processor time of the children that run, in steps of a hundredth of a second.
func ofChildren(b *testing.B) (sum time.Duration) {
	b.Helper()
	for pid := range children() {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			b.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		for _, ticks := range strings.Fields(rest)[11:13] {
			n, err := strconv.ParseInt(ticks, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}
