package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/plan"
)

// planned is what the command plan tells.
type planned struct {
	Plan  plan.Plan
	Speed plan.Speed
	Costs []plan.Cost // of 1,000 pages
}

func (r planned) print(w io.Writer) error {
	var b strings.Builder
	r.head(&b)
	r.course(&b)
	fmt.Fprint(&b, "\nfor 1,000 pages\n")
	for _, c := range r.Costs {
		fmt.Fprintf(&b, "  %-24s %12s   %s\n", c.What, number(c.Quantity), money(c))
	}
	if !r.Plan.Holds {
		fmt.Fprintf(&b, "\nThe load is not held: %s.\n", r.Plan.Why)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r planned) head(b *strings.Builder) {
	l, s := r.Plan.Load, r.Plan.Setup
	fmt.Fprintf(b, "load     %s pages an hour, %s at once, %d to an object\n", number(l.PagesPerHour), number(float64(l.Burst)), l.PagesPerObject)
	claim := ""
	if r.Speed.Claim {
		claim = ": a claim, nobody measured it here"
	}
	fmt.Fprintf(b, "gpu      %s reads %s pages/s (%s%s)\n\n", r.Speed.GPU, number(*r.Speed.Value), r.Speed.Source, claim)
	fmt.Fprintf(b, "GPU_MAX_INSTANCES=%d GPU_MAX_NUM_SEQS=%d FUNCTION_MAX_INSTANCES=%d FUNCTION_CONCURRENCY=%d \\\nOCR_CONCURRENCY=%d OCR_INSTANCE_CONCURRENCY=%d\n\n",
		s.GPUMaxInstances, s.GPUMaxNumSeqs, s.FunctionMaxInstances, s.FunctionConcurrency, s.OCRConcurrency, s.InstancePages)
	fmt.Fprintf(b, "sum      %d x %d = %d pages asked for at most; %d x %d = %d read at once\n",
		s.FunctionMaxInstances, s.InstancePages, s.FunctionMaxInstances*s.InstancePages, s.GPUMaxInstances, s.GPUMaxNumSeqs, s.Taken())
}

// course is how it goes.
func (r planned) course(b *strings.Builder) {
	p := r.Plan
	fmt.Fprintf(b, "page     %s of the GPU at full load, of %s that it may take\n", spent(p.PageTime), spent(p.Setup.OCRTimeout))
	if p.Load.PagesPerHour > 0 {
		fmt.Fprintf(b, "steady   %.0f %% of what the GPUs can read, %s pages in work on average\n", p.Utilised*100, number(p.InFlight))
	}
	fmt.Fprintf(b, "backlog  %s objects at most, which wait in Pub/Sub\n", number(float64(p.Backlog)))
	if p.Drained > 0 {
		fmt.Fprintf(b, "burst    read after %s; Pub/Sub keeps an event for %s\n", spent(p.Drained), spent(plan.Retention))
	}
}

// spent is a duration for people.
func spent(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	case d >= 3*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// money is a price's share, or that there is no price.
func money(c plan.Cost) string {
	if c.Money == nil {
		return "price " + c.Name + " is not filled in"
	}
	return strconv.FormatFloat(*c.Money, 'g', 4, 64) + " " + c.Currency
}

// number is a quantity with commas, and digits behind the point only where it is small.
func number(v float64) string {
	if v < 100 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
