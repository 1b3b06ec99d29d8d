//go:build nightly

package tiff_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// needTools skips a test if libtiff's programs are missing.
func needTools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("no %s: apt-get install libtiff-tools netpbm", name)
		}
	}
}

// run returns the output of a program, nil if it fails.
func run(name string, args ...string) []byte {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return nil
	}
	return out
}

// noise returns a picture of random runs and patches.
func noise(r *rand.Rand, w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := 0; x < w; {
			c := color.NRGBA{byte(r.Int()), byte(r.Int()), byte(r.Int()), 255}
			if r.IntN(2) == 0 {
				c = color.NRGBA{255, 255, 255, 255}
			}
			for n := 1 + r.IntN(1<<r.IntN(9)); n > 0 && x < w; n-- {
				m.SetNRGBA(x, y, c)
				x++
			}
		}
		if y > 0 && r.IntN(2) == 0 {
			copy(m.Pix[y*m.Stride:][:m.Stride], m.Pix[(y-1)*m.Stride:])
		}
	}
	return m
}

// TestFilesOfLibtiffDecode: pictures of odd sizes that libtiff encoded, in all its compressions, divisions and orders.
func TestFilesOfLibtiffDecode(t *testing.T) {
	needTools(t, "tiffcp")
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.tif"), filepath.Join(dir, "out.tif")
	r := rand.New(rand.NewPCG(1, 9))
	options := []string{"", "-f lsb2msb", "-p separate", "-t -w 48 -l 32", "-r 7", "-B", "-8",
		"-p separate -t -w 16 -l 16", "-f lsb2msb -r 5 -B -8"}
	tried := 0
	for _, w := range []int{1, 7, 33, 64, 129, 431, 1728} {
		src := noise(r, w, 3+r.IntN(90))
		gray := image.NewGray(src.Rect)
		for i := range gray.Pix {
			gray.Pix[i] = src.Pix[4*i]
		}
		bits := bilevel(gray)
		for name, c := range map[string]struct {
			page         pagetest.Picture
			want         image.Image
			compressions string
		}{
			"bits":   {pagetest.Bilevel(bits), bits, "none packbits lzw zip g3 g3:1d g3:2d g3:1d:fill g3:2d:fill g4"},
			"white":  {pagetest.Fax(bits, 4, 20, pagetest.FaxOptions{}), bits, "none lzw g3 g3:2d:fill g4"},
			"gray":   {pagetest.Gray(gray, 11), gray, "none packbits lzw lzw:2 zip zip:2"},
			"gray16": {pagetest.Samples(gray, pagetest.Storage{Colour: 1, Bits: 16}), gray, "none lzw:2 zip:2"},
			"RGB":    {pagetest.Samples(src, pagetest.Storage{Colour: 2}), src, "none packbits lzw lzw:2 zip zip:2"},
			"RGB16":  {pagetest.Samples(src, pagetest.Storage{Colour: 2, Bits: 16}), src, "lzw:2 zip:2"},
		} {
			if err := os.WriteFile(in, pagetest.TIFF(binary.LittleEndian, c.page), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, compression := range strings.Fields(c.compressions) {
				for _, o := range options {
					args := append(append([]string{"-c", compression}, strings.Fields(o)...), in, out)
					if exec.Command("tiffcp", args...).Run() != nil {
						continue // libtiff does not write this combination
					}
					file, err := os.ReadFile(out)
					if err != nil {
						t.Fatal(err)
					}
					what := fmt.Sprintf("%s, %d wide, tiffcp %v", name, w, args)
					near(t, what, sees(t, what, file), c.want, 0)
					tried++
				}
			}
		}
	}
	if tried < 1000 {
		t.Fatalf("%d files", tried)
	}
}

// TestLibtiffDecodesFaxTheSame: libtiff decodes our test faxes, valid and damaged, to the same rows.
func TestLibtiffDecodesFaxTheSame(t *testing.T) {
	needTools(t, "tifftopnm")
	in := filepath.Join(t.TempDir(), "in.tif")
	r := rand.New(rand.NewPCG(2, 9))
	for i := range 300 {
		bits := bilevel(gray(1+r.IntN(300), 1+r.IntN(60)))
		for j := range bits.Pix {
			if r.IntN(20) == 0 {
				bits.Pix[j] = ^bits.Pix[j]
			}
		}
		o := pagetest.FaxOptions{
			TwoDimensional: r.IntN(2) == 0, Fill: r.IntN(2) == 0, BlackIsZero: r.IntN(2) == 0, LowFirst: r.IntN(2) == 0}
		file := pagetest.TIFF(binary.LittleEndian, pagetest.Fax(bits, []int{2, 3, 4}[i%3], 1+r.IntN(60), o))
		if err := os.WriteFile(in, file, 0o600); err != nil {
			t.Fatal(err)
		}
		pnm := run("tifftopnm", in)
		var w, h int
		if n, err := fmt.Sscanf(string(pnm), "P4\n%d %d", &w, &h); err != nil || n != 2 || w != bits.Rect.Dx() ||
			h != bits.Rect.Dy() {
			t.Fatalf("%+v: %.20q", o, pnm)
		}
		rows := pnm[len(pnm)-(w+7)/8*h:]
		want := image.NewGray(bits.Rect)
		for y := range h {
			for x := range w {
				want.Pix[y*w+x] = (rows[y*((w+7)/8)+x/8]>>(7-x%8)&1 - 1)
			}
		}
		near(t, "our fax", sees(t, "our fax", file), want, 0)
		if !bytes.Equal(want.Pix, bits.Pix) {
			t.Fatal("libtiff reads another picture than was coded")
		}
	}
}
