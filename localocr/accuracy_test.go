package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/localocr/internal/engine"
)

const (
	samples = "../examples/samples"
	truths  = "../examples/truth"
)

var all = flag.Bool("all", false, "measure every sample, not only the smallest")

// TestCER measures the character error rate of the samples with each engine. The table in README.md comes from
//
//	go test -run CER -v . -all
//
// The bounds are loose: they catch an engine that is set up wrongly, not a change of a few letters.
func TestCER(t *testing.T) {
	bounds := map[string]float64{
		"lion-1912.png":     0.03,
		"lovelace-1864.jpg": 0.02,
		"patent-2004.png":   0.15,
		"russia-1916.png":   0.04,
	}
	for _, kind := range []string{"wasm", "tesseract"} {
		t.Run(kind, func(t *testing.T) {
			s := serviceWith(t, kind)
			s.read(t, sheet(t)) // starts the engine
			for _, name := range sampleNames(t) {
				if !*all && name != "lion-1912.png" {
					continue
				}
				start := time.Now()
				got := s.read(t, readFile(t, filepath.Join(samples, name)))
				took := time.Since(start)
				rate := cer(got, truthOf(t, name))
				t.Logf("%-18s %-9s CER %5.2f %%  %4.1f s", name, kind, 100*rate, took.Seconds())
				if bound, ok := bounds[name]; !ok || rate > bound {
					t.Errorf("%s: CER %.4f, want at most %.2f; read:\n%s", name, rate, bound, got)
				}
			}
		})
	}
}

func sampleNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.png", "*.jpg"} {
		paths, err := filepath.Glob(filepath.Join(samples, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			names = append(names, filepath.Base(p))
		}
	}
	if len(names) == 0 {
		t.Fatal("no samples in " + samples)
	}
	return names
}

func truthOf(t *testing.T, name string) string {
	t.Helper()
	return string(readFile(t, filepath.Join(truths, strings.TrimSuffix(name, filepath.Ext(name))+".txt")))
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	space  = regexp.MustCompile(`\s+`)
	quotes = strings.NewReplacer("‘‘", `"`, "’’", `"`, "‘", "'", "’", "'", "“", `"`, "”", `"`, "''", `"`)
)

// cer returns the character error rate: the number of edits that turn got into want, per character of want. Runs of
// white space count as one blank, and typographic quotes as plain ones.
func cer(got, want string) float64 {
	fold := func(s string) []rune {
		return []rune(strings.TrimSpace(space.ReplaceAllString(quotes.Replace(s), " ")))
	}
	g, w := fold(got), fold(want)
	row := make([]int, len(g)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range w {
		diagonal := row[0]
		row[0] = i + 1
		for j := range g {
			cost := diagonal
			if r != g[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return float64(row[len(g)]) / float64(max(len(w), 1))
}

func TestCharacterErrorRate(t *testing.T) {
	for _, tt := range []struct {
		got, want string
		rate      float64
	}{
		{"", "", 0},
		{"", "abcd", 1},
		{"abcd", "abcd", 0},
		{" a\n\nb ", "a b", 0},
		{"‘‘it’s’’", "“it's''", 0},
		{"kitten", "sitting", 3.0 / 7},
		{"abxd", "abcd", 0.25},
		{"abcde", "abcd", 0.25},
	} {
		if got := cer(tt.got, tt.want); got != tt.rate {
			t.Errorf("cer(%q, %q) = %v, want %v", tt.got, tt.want, got, tt.rate)
		}
	}
}

// serviceWith returns a service with an engine of the kind. If the engine's program is missing, it skips the test and
// says so.
func serviceWith(t *testing.T, kind string) *service {
	t.Helper()
	maker, err := engine.Find(t.Context(), kind, engine.Auto, cacheDir())
	if err != nil && kind == "tesseract" {
		t.Skipf("NOT TESTED: the tesseract engine, because there is %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return newService(t, maker)
}
