package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/bucketocr/bucketocr/internal/plan"
)

const planHelp = `Reckons, on paper alone, what a load needs and takes: instances and concurrency as deploy.sh names them, backlog, GPU and
function seconds, document reads and writes for 1,000 pages, and money for every price that deploy/figures.json holds. It
asks nobody. What is not known is left out, never guessed: how fast your GPU reads has to be measured (deploy/gpu/README.md).

Example: bucketocr plan --gpu nvidia-l4 --pages-per-second 1.5 --pages-per-hour 10000 --burst 50000

Exit codes: 0 the load is held, 1 it is not (the plan says why), 2 wrong arguments or figures.
`

// planOptions are the flags of plan.
type planOptions struct {
	load           plan.Load
	gpu, model     string
	pagesPerSecond float64
	seqs, most     int
	figures        string
	json           bool
}

const defaultFigures = "deploy/figures.json"

func planFlags(fs *flag.FlagSet) action {
	o := &planOptions{}
	fs.StringVar(&o.gpu, "gpu", "nvidia-l4", "`type` of the GPU, as figures name it")
	fs.StringVar(&o.model, "model", "lightonai/LightOnOCR-2-1B", "model that reads, as figures name it")
	fs.Float64Var(&o.pagesPerSecond, "pages-per-second", 0, "that one GPU reads when it is full; default: what the figures say")
	fs.IntVar(&o.seqs, "gpu-seqs", plan.DefaultSeqs, "pages that one GPU reads at once (GPU_MAX_NUM_SEQS)")
	fs.IntVar(&o.most, "max-gpus", 0, "plan with no more GPUs than so many (default as many as it takes)")
	fs.Float64Var(&o.load.PagesPerHour, "pages-per-hour", 0, "pages that arrive, evenly, all the time")
	fs.IntVar(&o.load.Burst, "burst", 0, "pages that arrive at once, besides")
	fs.IntVar(&o.load.PagesPerObject, "pages-per-object", 1, "pages of one object")
	fs.Int64Var(&o.load.PageBytes, "page-bytes", 500_000, "bytes of a page")
	fs.StringVar(&o.figures, "figures", defaultFigures, "`file` with prices and pages per second")
	fs.BoolVar(&o.json, "json", false, "print one JSON object")
	return o.run
}

func (o *planOptions) run(_ context.Context, sys system, args []string) int {
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
	p := plan.Make(o.load, *speed.Value, o.seqs, o.most)
	report := planned{p, speed, figures.Costs(p.Per1000)}
	if o.json {
		err = json.NewEncoder(sys.stdout).Encode(report)
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
func (o *planOptions) read() (plan.Figures, error) {
	l := o.load
	if !(l.PagesPerHour >= 0 && l.PagesPerHour < 1e9) || l.Burst < 0 || l.Burst > 1e9 || l.PagesPerHour == 0 && l.Burst == 0 {
		return plan.Figures{}, errors.New("say what comes: --pages-per-hour or --burst, each less than 1,000,000,000")
	}
	if l.PagesPerObject < 1 || l.PageBytes < 0 || o.seqs < 1 || o.most < 0 || !(o.pagesPerSecond >= 0 && o.pagesPerSecond < 1e6) {
		return plan.Figures{}, errors.New("a number is out of its range")
	}
	return o.readFigures()
}

// readFigures reads the figures. Where nobody named a file, there need be none.
func (o *planOptions) readFigures() (plan.Figures, error) {
	b, err := os.ReadFile(o.figures)
	if errors.Is(err, fs.ErrNotExist) && o.figures == defaultFigures {
		return plan.Figures{}, nil
	}
	if err != nil {
		return plan.Figures{}, err
	}
	return plan.ReadFigures(b)
}

// speed is what was said, else what the figures say.
func (o *planOptions) speed(f plan.Figures) (plan.Speed, error) {
	if o.pagesPerSecond > 0 {
		return plan.Speed{GPU: o.gpu, Model: o.model, Value: &o.pagesPerSecond, Source: "as given"}, nil
	}
	if s := f.Speed(o.gpu, o.model); s != nil {
		return *s, nil
	}
	return plan.Speed{}, fmt.Errorf("how fast %s reads with %s is not known: measure it, then give --pages-per-second or write it into %s",
		o.gpu, o.model, o.figures)
}
