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

const planHelp = `Estimates what a load needs and costs, without measuring anything: instances and concurrency under
the names that deploy.sh uses, backlog, GPU and function seconds, document reads and writes per
1,000 pages, and money for every price in the figures (deploy/figures.json), with the total if all
are filled in. Makes no requests. Unknown quantities are left out, never guessed: measure how fast
your GPU reads (deploy/gpu/README.md).

Example: bucketocr plan --gpu nvidia-l4 --pages-per-second 1.5 \
           --pages-per-hour 10000 --burst 50000

Exit codes: 0 the load can be handled, 1 it cannot (the plan says why), 2 wrong arguments or
figures.
`

// planCmd is one run of plan.
type planCmd struct {
	load           plan.Load
	gpu, model     string
	pagesPerSecond float64
	seqs, most     int
	figures, from  string // the file given, and the one that was read
	json           bool
}

// defaultFigures is the path of the figures in a checkout.
const defaultFigures = "deploy/figures.json"

//go:generate cp ../../deploy/figures.json figures.json

// builtInFigures is a copy of deploy/figures.json, which a test compares.
//
//go:embed figures.json
var builtInFigures []byte

// figuresFlag declares --figures.
func figuresFlag(fs *pflag.FlagSet, file *string) {
	fs.StringVar(file, "figures", "", "`FILE` with prices and pages per second (default "+defaultFigures+
		" if present, else the built-in figures)")
}

// readFigures reads a file of figures or, if file is empty, those of the checkout or the built-in ones. It returns
// their origin in from.
func readFigures(file string) (_ plan.Figures, from string, err error) {
	from = cmp.Or(file, defaultFigures)
	b, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) && file == "" {
		b, from, err = builtInFigures, "built in", nil
	}
	if err != nil {
		return plan.Figures{}, from, err
	}
	figures, err := plan.ReadFigures(b)
	return figures, from, err
}

func planFlags(fs *pflag.FlagSet) action {
	o := &planCmd{}
	fs.StringVar(&o.gpu, "gpu", "nvidia-l4", "`type` of the GPU, as named in the figures")
	fs.StringVar(&o.model, "model", "lightonai/LightOnOCR-2-1B", "model, as named in the figures")
	fs.Float64Var(&o.pagesPerSecond, "pages-per-second", 0,
		"pages per second that one GPU reads at full load (default from the figures)")
	fs.IntVar(&o.seqs, "gpu-seqs", plan.DefaultSeqs, "pages that one GPU reads concurrently (GPU_MAX_NUM_SEQS)")
	fs.IntVar(&o.most, "max-gpus", 0, "maximum number of GPUs (default as many as needed)")
	fs.Float64Var(&o.load.PagesPerHour, "pages-per-hour", 0, "steady rate of arriving pages")
	fs.IntVar(&o.load.Burst, "burst", 0, "pages that arrive at once, in addition")
	fs.IntVar(&o.load.PagesPerObject, "pages-per-object", 1, "pages per object")
	fs.IntVar(&o.load.PageTokens, "page-tokens", 0,
		"tokens in an average page's text (usage in the documents), to estimate the longest page")
	fs.IntVar(&o.load.MaxTokens, "max-tokens", 0, "OCR_MAX_TOKENS; default: the model's")
	fs.Int64Var(&o.load.PageBytes, "page-bytes", 500_000, "bytes per page")
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

// read validates the flags and reads the figures.
func (o *planCmd) read() (plan.Figures, error) {
	l := o.load
	if !(l.PagesPerHour >= 0 && l.PagesPerHour < 1e9) || l.Burst < 0 || l.Burst > 1e9 || l.PagesPerHour == 0 &&
		l.Burst == 0 {
		return plan.Figures{}, errors.New("give a load: --pages-per-hour or --burst, each less than 1,000,000,000")
	}
	if l.PagesPerObject < 1 || l.PageBytes < 0 || l.PageTokens < 0 || l.MaxTokens < 0 || o.seqs < 1 || o.most < 0 ||
		!(o.pagesPerSecond >= 0 && o.pagesPerSecond < 1e6) {
		return plan.Figures{}, errors.New("a number is out of range")
	}
	figures, from, err := readFigures(o.figures)
	o.from = from
	return figures, err
}

// speed returns the speed given as a flag, or else the one in the figures.
func (o *planCmd) speed(f plan.Figures) (plan.Speed, error) {
	if o.pagesPerSecond > 0 {
		return plan.Speed{GPU: o.gpu, Model: o.model, Value: &o.pagesPerSecond, Source: "as given"}, nil
	}
	if s := f.Speed(o.gpu, o.model); s != nil {
		return *s, nil
	}
	return plan.Speed{},
		fmt.Errorf("the speed of %s with %s is unknown: measure it, then use --pages-per-second or a file with it (--figures); figures read: %s",
			o.gpu, o.model, o.from)
}

// planReport is the result of plan.
type planReport struct {
	Plan  plan.Plan
	Speed plan.Speed
	Costs []plan.Cost // of 1,000 pages
	From  string      // origin of the figures
}

func (r planReport) print(w io.Writer) error {
	var b strings.Builder
	r.head(&b)
	r.course(&b)
	fmt.Fprint(&b, "\nfor 1,000 pages\n")
	for _, c := range r.Costs {
		fmt.Fprintf(&b, "  %-24s %12s   %s\n", c.What, number(c.Quantity), money(c))
	}
	if sum, currency, known := plan.Total(r.Costs); known {
		fmt.Fprintf(&b, "  %-37s   %s\n", "total", money(plan.Cost{Money: &sum, Currency: currency}))
	}
	if !r.Plan.Holds {
		fmt.Fprintf(&b, "\nThe load cannot be handled: %s.\n", r.Plan.Why)
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
	fmt.Fprintf(b, "GPU_MAX_INSTANCES=%d GPU_MAX_NUM_SEQS=%d FUNCTION_MAX_INSTANCES=%d FUNCTION_CONCURRENCY=%d \\\nOCR_CONCURRENCY=%d OCR_INSTANCE_CONCURRENCY=%d ./deploy.sh all\n\n",
		s.GPUMaxInstances, s.GPUMaxNumSeqs, s.FunctionMaxInstances, s.FunctionConcurrency, s.OCRConcurrency,
		s.InstancePages)
	fmt.Fprintf(b, "sum      %d x %d = %d pages asked for at most; %d x %d = %d read concurrently\n",
		s.FunctionMaxInstances, s.InstancePages, s.FunctionMaxInstances*s.InstancePages, s.GPUMaxInstances,
		s.GPUMaxNumSeqs, s.Taken())
}

// course writes how the load is processed over time.
func (r planReport) course(b *strings.Builder) {
	p := r.Plan
	fmt.Fprintf(b, "page     %s of the GPU at full load, out of %s allowed\n", spent(p.PageTime),
		spent(p.Setup.OCRTimeout))
	r.longest(b)
	if p.Load.PagesPerHour > 0 {
		fmt.Fprintf(b, "steady   %.0f %% of what the GPUs can read, %s pages in progress on average\n", p.Utilised*100,
			number(p.InFlight))
	}
	fmt.Fprintf(b, "backlog  at most %s objects, which wait in Pub/Sub\n", number(float64(p.Backlog)))
	if p.Drained > 0 {
		fmt.Fprintf(b, "burst    read after %s; Pub/Sub keeps an event for %s\n", spent(p.Drained),
			spent(plan.Retention))
	}
}

// longest writes what happens to a page whose text is as long as OCR_MAX_TOKENS allows.
func (r planReport) longest(b *strings.Builder) {
	p := r.Plan
	most, timeout := float64(p.Load.MaxTokens), spent(p.Setup.OCRTimeout)
	switch {
	case p.Longest == 0:
		fmt.Fprintf(b, "longest  %s average pages in %s: OCR_MAX_TOKENS (%s) is read in time if an average page has %s tokens (--page-tokens)\n",
			number(p.TokensInTime()), timeout, number(most), number(math.Ceil(most/p.TokensInTime())))
	case p.Longest > p.Setup.OCRTimeout:
		fmt.Fprintf(b, "longest  a page of %s tokens takes %s at full load and ends as ocr_timeout after %s: raise OCR_TIMEOUT\n"+
			"         (with ./deploy.sh all), or lower OCR_MAX_TOKENS below %s, so that the page is read that far and marked as truncated\n", number(most),
			spent(p.Longest), timeout, number(p.TokensInTime()))
	default:
		fmt.Fprintf(b, "longest  %s of the GPU at full load for %s tokens (OCR_MAX_TOKENS)\n", spent(p.Longest),
			number(most))
	}
}

// spent formats a duration.
func spent(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	case d >= 3*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// money returns the cost, or a note that its price is missing.
func money(c plan.Cost) string {
	if c.Money == nil {
		return "price " + c.Name + " is not filled in"
	}
	return strconv.FormatFloat(*c.Money, 'g', 4, 64) + " " + c.Currency
}

// number formats a quantity with thousands separators, and with decimals only if it is small.
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
