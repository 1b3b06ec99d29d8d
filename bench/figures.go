package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
)

func cores() int        { return runtime.NumCPU() }
func goVersion() string { return runtime.Version() }

// quantile returns the q-quantile of values, 0 if there are none.
func quantile[T float64 | time.Duration](values []T, q float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func median[T float64 | time.Duration](values []T) T { return quantile(values, 0.5) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }
func mb(n int64) string         { return fmt.Sprintf("%.0f", float64(n)/1e6) }

// table prints rows as a Markdown table. The first row is the header.
func table(w io.Writer, rows [][]string) {
	for i, r := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(r, " | "))
		if i == 0 {
			fmt.Fprintln(w, strings.Repeat("|---", len(r))+"|")
		}
	}
}

// verdict prints whether an aim was met.
func verdict(w io.Writer, met bool, format string, args ...any) {
	word := "met"
	if !met {
		word = "MISSED"
	}
	fmt.Fprintf(w, "\nAim %s: %s.\n", word, fmt.Sprintf(format, args...))
}
