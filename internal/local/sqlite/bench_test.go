package sqlite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// A commit like that of a lease renewal: one small record in a known state.
func BenchmarkCommit(b *testing.B) {
	for _, text := range []int{0, 3000, document.MaxTextBytes} {
		b.Run(fmt.Sprintf("text=%d", text), func(b *testing.B) {
			s := open(b, b.TempDir())
			r := retrying(s, "a")
			r.Text = strings.Repeat("text ", text/5)
			stored := put(b, s, r)
			for b.Loop() {
				var err error
				stored, err = document.Update(b.Context(), s, r.Object().ID(), document.Seen(stored),
					func(old *document.Record) (*document.Change, error) {
						next := *old
						next.Due = time.Now()
						return &document.Change{Record: &next}, nil
					})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, b.TempDir())
	r := retrying(s, "a")
	r.Text = strings.Repeat("text ", 600)
	put(b, s, r)
	for b.Loop() {
		get(b, s, "a")
	}
}

// The cost of the full-text index for committing a text and opening an older database, and of a search.
func BenchmarkIndex(b *testing.B) {
	words := strings.Fields(
		"the northern branch is closed and sealed until further notice by order of the harbour master of Halifax")
	text := func(i int) string {
		var t strings.Builder
		for k := range 500 {
			fmt.Fprint(&t, words[(i+k*k)%len(words)], " ", (i*k)%5000, "\n")
		}
		return t.String()
	}
	s := open(b, b.TempDir())
	i := 0
	b.Run("commit", func(b *testing.B) {
		for b.Loop() {
			i++
			put(b, s, finished(s, fmt.Sprint(i), text(i)))
		}
	})
	b.Logf("%d texts", i)
	b.Run("search", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := s.Search(b.Context(), "northern 17", 500); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("migration", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			if _, err := s.write.Exec("DROP TABLE texts; DROP TABLE indexed; PRAGMA user_version = 1"); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if err := migrate(b.Context(), s.write); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(i)/1e3, "µs/text")
	})
}
