package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/plan"
	"github.com/bucketocr/bucketocr/ocr"
)

const planHelp = `Estimates, without measuring anything, what a load needs and costs: instances and concurrency as deploy.sh names them, backlog, GPU and
function seconds, document reads and writes for 1,000 pages, and money for every price that the figures hold (deploy/figures.json). It
makes no request. What is not known is left out, never guessed: how fast your GPU reads has to be measured (deploy/gpu/README.md).

Example: bucketocr plan --gpu nvidia-l4 --pages-per-second 1.5 \
           --pages-per-hour 10000 --burst 50000

Exit codes: 0 the load is held, 1 it is not (the plan says why), 2 wrong arguments or figures.
`

// planCmd are the flags of plan.
type planCmd struct {
	load           plan.Load
	gpu, model     string
	pagesPerSecond float64
	seqs, most     int
	figures, from  string // the file that was named, and the one that was read
	json           bool
}

// defaultFigures is where a checkout has its figures.
const defaultFigures = "deploy/figures.json"

//go:generate cp ../../deploy/figures.json figures.json

// builtInFigures are those that this program was built with. A test compares the copy.
//
//go:embed figures.json
var builtInFigures []byte

// figuresFlag declares --figures.
func figuresFlag(fs *pflag.FlagSet, file *string) {
	fs.StringVar(file, "figures", "", "`FILE` with prices and pages per second (default "+defaultFigures+
		" where there is one, else those built in)")
}

// readFigures reads a file, or without a name the checkout's or those built in. from says which.
func readFigures(file string) (_ plan.Figures, from string, err error) {
	from = cmp.Or(file, defaultFigures)
	b, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) && file == "" {
		b, from, err = builtInFigures, "those built in", nil
	}
	if err != nil {
		return plan.Figures{}, from, err
	}
	figures, err := plan.ReadFigures(b)
	return figures, from, err
}

func planFlags(fs *pflag.FlagSet) action {
	o := &planCmd{}
	fs.StringVar(&o.gpu, "gpu", "nvidia-l4", "`type` of the GPU, as figures name it")
	fs.StringVar(&o.model, "model", "lightonai/LightOnOCR-2-1B", "model that reads, as figures name it")
	fs.Float64Var(&o.pagesPerSecond, "pages-per-second", 0,
		"that one GPU reads when it is full; default: what the figures say")
	fs.IntVar(&o.seqs, "gpu-seqs", plan.DefaultSeqs, "pages that one GPU reads at once (GPU_MAX_NUM_SEQS)")
	fs.IntVar(&o.most, "max-gpus", 0, "plan with no more GPUs than so many (default as many as it takes)")
	fs.Float64Var(&o.load.PagesPerHour, "pages-per-hour", 0, "pages that arrive, evenly, all the time")
	fs.IntVar(&o.load.Burst, "burst", 0, "pages that arrive at once, besides")
	fs.IntVar(&o.load.PagesPerObject, "pages-per-object", 1, "pages of one object")
	fs.IntVar(&o.load.PageTokens, "page-tokens", 0,
		"tokens of an average page's text (usage in the documents), to see what the longest takes")
	fs.IntVar(&o.load.MaxTokens, "max-tokens", 0, "OCR_MAX_TOKENS; default: the model's")
	fs.Int64Var(&o.load.PageBytes, "page-bytes", 500_000, "bytes of a page")
	figuresFlag(fs, &o.figures)
	fs.BoolVar(&o.json, "json", false, "print one JSON object")
	return o.run
}

func (o *planCmd) run(_ context.Context, sys system, args []string) int {
	if len(args) > 0 {
		return complain(sys, "plan", fmt.Errorf("unknown argument %q", args[0]))
	}
	figures, err := o.read()
	if err != nil {
		return complain(sys, "plan", err)
	}
	speed, err := o.speed(figures)
	if err != nil {
		return complain(sys, "plan", err)
	}
	o.load.MaxTokens = cmp.Or(o.load.MaxTokens, ocr.ProfileOf(o.model).MaxTokens)
	p := plan.Make(o.load, *speed.Value, o.seqs, o.most)
	report := planReport{p, speed, figures.Costs(p.Per1000), o.from}
	if o.json {
		err = json.NewEncoder(jsonTo(sys.stdout)).Encode(report)
	} else {
		err = report.print(sys.stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintf(sys.stderr, "bucketocr plan: %v\n", err)
		return exitFailed
	case !p.Holds:
		return exitFailed
	}
	return exitGood
}

// read checks the flags and reads the figures.
func (o *planCmd) read() (plan.Figures, error) {
	l := o.load
	if !(l.PagesPerHour >= 0 && l.PagesPerHour < 1e9) || l.Burst < 0 || l.Burst > 1e9 || l.PagesPerHour == 0 &&
		l.Burst == 0 {
		return plan.Figures{}, errors.New("say what comes: --pages-per-hour or --burst, each less than 1,000,000,000")
	}
	if l.PagesPerObject < 1 || l.PageBytes < 0 || l.PageTokens < 0 || l.MaxTokens < 0 || o.seqs < 1 || o.most < 0 ||
		!(o.pagesPerSecond >= 0 && o.pagesPerSecond < 1e6) {
		return plan.Figures{}, errors.New("a number is out of its range")
	}
	figures, from, err := readFigures(o.figures)
	o.from = from
	return figures, err
}

// speed is what was said, else what the figures say.
func (o *planCmd) speed(f plan.Figures) (plan.Speed, error) {
	if o.pagesPerSecond > 0 {
		return plan.Speed{GPU: o.gpu, Model: o.model, Value: &o.pagesPerSecond, Source: "as given"}, nil
	}
	if s := f.Speed(o.gpu, o.model); s != nil {
		return *s, nil
	}
	return plan.Speed{},
		fmt.Errorf("how fast %s reads with %s is not known: measure it, then give --pages-per-second or a file with it (--figures); read were %s",
			o.gpu, o.model, o.from)
}

// planReport is what the command plan tells.
type planReport struct {
	Plan  plan.Plan
	Speed plan.Speed
	Costs []plan.Cost // of 1,000 pages
	From  string      // where the figures are from
}

func (r planReport) print(w io.Writer) error {
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

func (r planReport) head(b *strings.Builder) {
	l, s := r.Plan.Load, r.Plan.Setup
	fmt.Fprintf(b, "load     %s pages an hour, %s at once, %d to an object\n", number(l.PagesPerHour),
		number(float64(l.Burst)), l.PagesPerObject)
	claim := ""
	if r.Speed.Claim {
		claim = ": a claim, not measured here"
	}
	fmt.Fprintf(b, "figures  %s\n", plain(r.From))
	fmt.Fprintf(b, "gpu      %s reads %s pages/s (%s%s)\n\n", r.Speed.GPU, number(*r.Speed.Value), r.Speed.Source,
		claim)
	fmt.Fprintf(b, "GPU_MAX_INSTANCES=%d GPU_MAX_NUM_SEQS=%d FUNCTION_MAX_INSTANCES=%d FUNCTION_CONCURRENCY=%d \\\nOCR_CONCURRENCY=%d OCR_INSTANCE_CONCURRENCY=%d\n\n",
		s.GPUMaxInstances, s.GPUMaxNumSeqs, s.FunctionMaxInstances, s.FunctionConcurrency, s.OCRConcurrency,
		s.InstancePages)
	fmt.Fprintf(b, "sum      %d x %d = %d pages asked for at most; %d x %d = %d read at once\n",
		s.FunctionMaxInstances, s.InstancePages, s.FunctionMaxInstances*s.InstancePages, s.GPUMaxInstances,
		s.GPUMaxNumSeqs, s.Taken())
}

// course is how it goes.
func (r planReport) course(b *strings.Builder) {
	p := r.Plan
	fmt.Fprintf(b, "page     %s of the GPU at full load, of %s that it may take\n", spent(p.PageTime),
		spent(p.Setup.OCRTimeout))
	r.longest(b)
	if p.Load.PagesPerHour > 0 {
		fmt.Fprintf(b, "steady   %.0f %% of what the GPUs can read, %s pages in work on average\n", p.Utilised*100,
			number(p.InFlight))
	}
	fmt.Fprintf(b, "backlog  %s objects at most, which wait in Pub/Sub\n", number(float64(p.Backlog)))
	if p.Drained > 0 {
		fmt.Fprintf(b, "burst    read after %s; Pub/Sub keeps an event for %s\n", spent(p.Drained),
			spent(plan.Retention))
	}
}

// longest is what becomes of a page whose text is as long as OCR_MAX_TOKENS lets it be.
func (r planReport) longest(b *strings.Builder) {
	p := r.Plan
	most, timeout := float64(p.Load.MaxTokens), spent(p.Setup.OCRTimeout)
	switch {
	case p.Longest == 0:
		fmt.Fprintf(b, "longest  %s average pages in %s: OCR_MAX_TOKENS (%s) is read in time if a page has %s tokens on average (--page-tokens)\n",
			number(p.TokensInTime()), timeout, number(most), number(math.Ceil(most/p.TokensInTime())))
	case p.Longest > p.Setup.OCRTimeout:
		fmt.Fprintf(b, "longest  a page of %s tokens takes %s at full load and ends as ocr_timeout after %s: raise OCR_TIMEOUT, or lower OCR_MAX_TOKENS\n"+
			"         below %s, with which it is read that far and marked as truncated\n", number(most),
			spent(p.Longest), timeout, number(p.TokensInTime()))
	default:
		fmt.Fprintf(b, "longest  %s of the GPU at full load for %s tokens (OCR_MAX_TOKENS)\n", spent(p.Longest),
			number(most))
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

// number is a quantity with commas, and digits after the point only where it is small.
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
