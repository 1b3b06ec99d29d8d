package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/plan"
)

// estimate is the minimum cost of reading the objects of a dry run with one GPU and model whose speed the figures give.
type estimate struct {
	GPU            string  `json:"gpu"`
	PagesPerSecond float64 `json:"pagesPerSecond"`
	Claim          bool    `json:"claim"` // the vendor's claim, not measured here
	GPUSeconds     float64 `json:"gpuSeconds"`
	// Money is the cost by currency, from the prices that are filled in.
	Money map[string]float64 `json:"money,omitempty"`
}

// estimates returns the estimates for a dry run's totals, from the figures in file.
func estimates(file string, sum backfill.Summary) ([]estimate, error) {
	figures, _, err := readFigures(file)
	if err != nil || sum.Pages == 0 {
		return nil, err
	}
	var all []estimate
	for _, s := range figures.PagesPerSecond {
		if s.Value == nil || *s.Value <= 0 {
			continue
		}
		e := estimate{GPU: s.GPU, PagesPerSecond: *s.Value, Claim: s.Claim, GPUSeconds: float64(sum.Pages) / *s.Value,
			Money: map[string]float64{}}
		load := plan.Load{Burst: int(sum.Pages), PagesPerObject: 1, PageBytes: sum.Bytes / sum.Pages}
		q := plan.Make(load, *s.Value, plan.DefaultSeqs, 0).Per1000
		q.GPUSeconds = 1000 / *s.Value // excluding the GPU's start and idle time, which bucketocr plan includes
		for _, c := range figures.Costs(q) {
			if c.Money != nil {
				e.Money[c.Currency] += *c.Money * float64(sum.Pages) / 1000
			}
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b estimate) int { return cmp.Compare(a.GPU, b.GPU) })
	return all, nil
}

// printEstimates prints estimates as rows of a table.
func printEstimates(w io.Writer, all []estimate) {
	if len(all) == 0 {
		fmt.Fprintf(w, "GPU time\tunknown\tthe figures have no GPU's pages per second (bucketocr plan --help)\n")
	}
	for _, e := range all {
		how := fmt.Sprintf("on %s at %.3g pages/s", e.GPU, e.PagesPerSecond)
		if e.Claim {
			how += ", the vendor's claim"
		}
		fmt.Fprintf(w, "GPU time\t%s\tat least, %s\n", gpuTime(e.GPUSeconds), how)
		var money []string
		for currency, amount := range e.Money {
			money = append(money, fmt.Sprintf("%.2f %s", amount, plain(currency)))
		}
		if slices.Sort(money); len(money) > 0 {
			fmt.Fprintf(w, "cost\t%s\tat least, for what has a price in the figures\n", strings.Join(money, " + "))
		}
	}
}

func gpuTime(seconds float64) string {
	switch {
	case seconds < 120:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 7200:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}
