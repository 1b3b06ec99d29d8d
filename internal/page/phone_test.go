package page

import (
	"fmt"
	"image"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// turns are Exif's numbers for a turn by quarters against the clock and then a mirroring: none, of rows, of columns.
var turns = [4][3]orientation{{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}}

// TestPhone: a HEIC as phones write it, in tiles and with pictures beside it that are not the page, cropped and turned by
// its own marks and not once more by Exif, whatever that says.
func TestPhone(t *testing.T) {
	if heif.HEIC() == nil {
		t.Skip("built without HEIC")
	}
	tiles, page := testFile(t, "tiles.heic"), pagetest.Screen(pagetest.Paper(400, 300, 16))
	for turn, row := range turns {
		for mirror, o := range row {
			crop := 20 * ((turn + mirror) % 2)
			data := pagetest.HEIC(tiles, pagetest.Grid{Columns: 2, Rows: 2, TileWidth: 208, TileHeight: 160, Width: 400, Height: 300,
				Turn: turn, Mirror: mirror - 1, Crop: crop, Exif: pagetest.ExifSegment(6)[4:]})
			pg, got := converted(t, data, 1540)
			cut := page.SubImage(image.Rect(crop, crop, 400-crop, 300-crop))
			want := render(cut, cut.Bounds().Dx(), cut.Bounds().Dy(), o)
			if got.Bounds() != want.Bounds() {
				t.Fatalf("%d, %d, %d: %v, want %v", turn, mirror, crop, got.Bounds(), want.Bounds())
			}
			if _, psnr := differ(got, averaged(want, want.Bounds().Dx(), want.Bounds().Dy())); psnr < 24 {
				t.Errorf("turned %d, mirrored %d, cropped by %d: %.1f dB", turn, mirror, crop, psnr)
			}
			if !strings.Contains(pg.How, o.words()) || strings.Contains(pg.How, "cropped") != (crop > 0) {
				t.Errorf("orientation %d, cropped by %d: %q", o, crop, pg.How)
			}
			if small, _ := converted(t, data, 100); !strings.Contains(small.How, fmt.Sprintf("scaled %dx%d", want.Bounds().Dx(), want.Bounds().Dy())) &&
				!strings.Contains(small.How, fmt.Sprintf("scaled %dx%d", want.Bounds().Dy(), want.Bounds().Dx())) {
				t.Errorf("%q", small.How)
			}
		}
	}
}
