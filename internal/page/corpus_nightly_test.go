//go:build nightly

package page

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io/fs"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// How much a page may differ from another program's: the average difference of 64 x 64 gray cells, of 255, and the
// number of 16 x 16 cells that have ink there and none here, since a missing line of text hardly changes an average.
const (
	mostDifference = 12
	mostMissing    = 2
)

// TestCorpus makes pages of all files in the folder CORPUS, or of the generated corpus, compares them with the output
// of vips, libheif, libavif, poppler, MuPDF, libtiff and Pillow, if installed, and prints a table of kinds. The kind of
// a generated file is the first word of its name; in a folder it is the format. The test fails if a page is missing or
// looks different, and for errors other than a fault of the file.
func TestCorpus(t *testing.T) {
	files := map[string][]byte{}
	shown := map[string]image.Image{} // of the generated files
	folder := os.Getenv("CORPUS")
	if folder == "" {
		folder = t.TempDir()
		corpus := pagetest.Corpus()
		for kind, pattern := range map[string]string{"WebP": "*.webp", "AVIF": "*.avif", "HEIC": "*.heic",
			"JPEG 2000": "small*.j[p2]*"} {
			for name, data := range testFiles(t, pattern) {
				// avifdec 0.11 and libheif 1.15 wrongly decode this one as full range.
				if name != "small-video-gray.avif" {
					corpus = append(corpus, pagetest.CorpusFile{Name: kind + "-" + name, Data: data})
				}
			}
		}
		for _, f := range corpus {
			files[f.Name], shown[f.Name] = f.Data, f.Shows
			if err := os.WriteFile(filepath.Join(folder, f.Name), f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || d.Name()[0] == '.' {
				return err
			}
			name, err := filepath.Rel(folder, path)
			if err != nil {
				return err
			}
			files[name], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	table := map[string]*tally{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		kind, _, _ := strings.Cut(name, "-")
		if os.Getenv("CORPUS") != "" {
			kind = "unknown"
			if f := sniff(files[name][:min(len(files[name]), sniffLen)]); f != nil {
				kind = f.name
			}
		}
		row := table[kind]
		if row == nil {
			row = &tally{}
			table[kind] = row
		}
		if err := row.add(t, name, filepath.Join(folder, name), files[name], shown[name]); err != nil &&
			shown[name] != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Log("\n" + tableOf(table))
}

// tally counts the results of the files of a kind.
type tally struct {
	files, done, damaged, lacking, blank, compared int
	failed                                         map[Kind]int
	unread                                         int // that other programs read
}

// add makes the pages of a file. It returns an error if there is none.
func (y *tally) add(t *testing.T, name, path string, data []byte, shown image.Image) error {
	y.files++
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	ps, err := Split(ctx, newObject(data).source(),
		Limits{Edge: 1540, MaxBytes: 200 << 20, MaxPixels: 60e6, MaxPages: 100, Decoder: decoder})
	if err != nil {
		y.fail(t, name, path, err)
		return err
	}
	defer ps.Close()
	if pages := pagesElsewhere(path); pages > 0 && pages != ps.Len() {
		t.Errorf("%s: %d pages; elsewhere %d", name, ps.Len(), pages)
	}
	read := 0
	for n := 1; n <= ps.Len(); n++ {
		pg, _, err := ps.Page(ctx, n)
		if err != nil {
			if ps.Len() == 1 {
				y.fail(t, name, path, err)
				return err
			}
			if kindOf(err) == "" {
				t.Errorf("%s, page %d: %v", name, n, err)
			}
			continue
		}
		read++
		y.note(pg)
		others := references(path, n, max(pg.Width, pg.Height))
		if shown != nil {
			others = slices.Values(append(slices.Collect(others), shown))
		}
		if err := y.compare(pg, others); err != nil {
			t.Errorf("%s, page %d (%s): %v", name, n, pg.How, err)
		}
	}
	if read > 0 {
		y.done++
	}
	return nil
}

// fail counts a file without a page.
func (y *tally) fail(t *testing.T, name, path string, err error) {
	if kindOf(err) == "" {
		t.Errorf("%s: %v", name, err)
		return
	}
	if y.failed == nil {
		y.failed = map[Kind]int{}
	}
	y.failed[kindOf(err)]++
	for range references(path, 1, 256) {
		y.unread++
		t.Logf("%s: %v; another program reads it", name, err)
		break
	}
}

func (y *tally) note(pg *Page) {
	y.blank += int(number(pg.Blank))
	y.damaged += int(number(slices.Contains(pg.Warnings, WarnDamaged)))
	y.lacking += int(number(slices.Contains(pg.Warnings, WarnMissingGlyphs)))
}

// compare compares a page with those of other programs. One that agrees is enough, since the programs do not always
// agree with each other. A damaged page may look different.
func (y *tally) compare(pg *Page, others iter.Seq[image.Image]) error {
	if slices.Contains(pg.Warnings, WarnDamaged) || slices.Contains(pg.Warnings, WarnMissingGlyphs) {
		return nil
	}
	b, err := content(pg)
	if err != nil {
		return err
	}
	here, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		if !pg.Passed {
			return err
		}
		return nil // the server decides about this page
	}
	var why error
	compared := 0
	for other := range others {
		compared = 1
		if why = differs(here, other); why == nil {
			break
		}
	}
	y.compared += compared
	return why
}

// differs returns an error that describes how two pictures look different.
func differs(here, other image.Image) error {
	a, b := here.Bounds().Size(), other.Bounds().Size()
	if p, q := float64(a.X)/float64(a.Y), float64(b.X)/float64(b.Y); max(p/q, q/p) > 1.1 &&
		min(a.X, a.Y, b.X, b.Y) > 20 {
		return fmt.Errorf("%v pixels; elsewhere %v", a, b)
	}
	ours, theirs := grayCells(here, 64), grayCells(other, 64)
	sum, missing := 0, 0
	for i := range ours {
		sum += max(ours[i], theirs[i]) - min(ours[i], theirs[i])
	}
	inked := inkOf(ours, 64, 16, 20)
	for i, ink := range inkOf(theirs, 64, 16, 40) {
		if ink && !inked[i] {
			missing++
		}
	}
	if difference := sum / len(ours); difference > mostDifference || missing > mostMissing {
		return fmt.Errorf("it differs by %d of 255, and %d of 256 cells lack ink", difference, missing)
	}
	return nil
}

// grayCells returns the average brightness of n x n parts of a picture on white, row by row.
func grayCells(m image.Image, n int) []int {
	b := m.Bounds()
	gray := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(gray, gray.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(gray, gray.Rect, m, b.Min, draw.Over)
	cells := make([]int, 0, n*n)
	for y := range n {
		for x := range n {
			x0, y0 := x*b.Dx()/n, y*b.Dy()/n
			x1, y1 := max(x0+1, (x+1)*b.Dx()/n), max(y0+1, (y+1)*b.Dy()/n)
			sum := 0
			for j := y0; j < y1; j++ {
				for i := x0; i < x1; i++ {
					sum += int(gray.GrayAt(i, j).Y)
				}
			}
			cells = append(cells, sum/((x1-x0)*(y1-y0)))
		}
	}
	return cells
}

// inkOf reports for each of m x m groups of cells whether some of them differ by more than contrast.
func inkOf(cells []int, n, m, contrast int) []bool {
	inked := make([]bool, 0, m*m)
	for y := range m {
		for x := range m {
			least, most := 255, 0
			for j := y * n / m; j < (y+1)*n/m; j++ {
				for i := x * n / m; i < (x+1)*n/m; i++ {
					least, most = min(least, cells[j*n+i]), max(most, cells[j*n+i])
				}
			}
			inked = append(inked, most-least > contrast)
		}
	}
	return inked
}

// viewers lists other programs that convert a file to PNG, by its extension. In their commands IN, OUT and EDGE are
// replaced, and the page's number, as PAGE from 1 and as INDEX from 0.
var viewers = []struct {
	extensions string // "": all but those of PDF
	needs      string
	command    string
	every      bool // it can show pages other than the first
}{
	{".pdf", "pdftoppm",
		`pdftoppm -cropbox -png -singlefile -scale-to "$EDGE" -f "$PAGE" -l "$PAGE" "$IN" "${OUT%.png}"`, true},
	{".pdf", "mutool", `mutool draw -q -o "$OUT" -w "$EDGE" -h "$EDGE" "$IN" "$PAGE"`, true},
	{".heic .heif", "heif-convert", `heif-convert "$IN" "$OUT"`, false},
	{".avif", "avifdec", `avifdec "$IN" "$OUT"`, false},
	{".tif .tiff", "vips", `vips autorot "$IN[page=$INDEX]" "$OUT"`, true},
	{".tif .tiff", "tiff2rgba", `tiff2rgba "$IN" "$OUT.tif" && vips copy "$OUT.tif" "$OUT"`, false},
	{"", "vips", `vips autorot "$IN" "$OUT"`, false},
	{"", "python3", `python3 -c "
import sys
from PIL import Image, ImageOps
im = Image.open(sys.argv[1])
im.seek(int(sys.argv[3]))
ImageOps.exif_transpose(im).convert('RGBA').save(sys.argv[2])" "$IN" "$OUT" "$INDEX"`, true},
}

// references yields a page of a file as other programs show it. If it has no size in pixels, its longest side is edge.
func references(path string, page, edge int) iter.Seq[image.Image] {
	return func(yield func(image.Image) bool) {
		dir, err := os.MkdirTemp("", "reference")
		if err != nil {
			return
		}
		defer os.RemoveAll(dir)
		extension := strings.ToLower(filepath.Ext(path))
		for i, v := range viewers {
			if v.extensions == "" && extension == ".pdf" || v.extensions != "" &&
				!slices.Contains(strings.Fields(v.extensions), extension) || page > 1 && !v.every {
				continue
			}
			if _, err := exec.LookPath(v.needs); err != nil {
				continue
			}
			out := filepath.Join(dir, strconv.Itoa(i)+".png")
			// some need 20 GB for a broken header
			c := exec.Command("timeout", "30", "bash", "-c", "ulimit -v 6000000; "+v.command)
			c.Env = append(os.Environ(), "IN="+path, "OUT="+out, "PAGE="+strconv.Itoa(page),
				"INDEX="+strconv.Itoa(page-1), "EDGE="+strconv.Itoa(edge))
			if c.Run() != nil {
				continue
			}
			b, err := os.ReadFile(out)
			if err != nil {
				continue
			}
			if m, err := png.Decode(bytes.NewReader(b)); err == nil && !yield(m) {
				return
			}
		}
	}
}

// pagesElsewhere returns the number of pages that another program finds in a PDF, 0 if none can tell.
func pagesElsewhere(path string) int {
	if strings.ToLower(filepath.Ext(path)) != ".pdf" {
		return 0
	}
	out, err := exec.Command("pdfinfo", path).Output()
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(out), "\nPages:")
	n, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0]))
	return n
}

// tableOf formats the table of kinds.
func tableOf(table map[string]*tally) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-40s %5s %5s %5s %5s %5s %5s  %s\n", "kind", "files", "done", "same", "harm", "lack", "blank",
		"failed (others read)")
	for _, kind := range slices.Sorted(maps.Keys(table)) {
		y := table[kind]
		var failed []string
		for _, k := range slices.SortedFunc(maps.Keys(y.failed), func(a, b Kind) int { return cmp.Compare(a, b) }) {
			failed = append(failed, fmt.Sprintf("%s %d", k, y.failed[k]))
		}
		if y.unread > 0 {
			failed = append(failed, fmt.Sprintf("(%d)", y.unread))
		}
		fmt.Fprintf(&b, "%-40s %5d %5d %5d %5d %5d %5d  %s\n", kind, y.files, y.done, y.compared, y.damaged, y.lacking,
			y.blank, strings.Join(failed, ", "))
	}
	return b.String()
}
