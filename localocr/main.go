// Command localocr is an OCR service for a laptop: Tesseract behind the API of LightOnOCR on vLLM.
// It replaces the model where there is no GPU. It returns plain English text and no layout.
//
// It listens on a loopback address only and asks for no password. When it is ready it prints one
// line on standard output, "listening http://127.0.0.1:PORT", and nothing else ever; the log goes
// to standard error and holds no text of any page. It exits with 0 after SIGINT, SIGTERM or, with
// -parent-stdin, the end of standard input, with 1 when it failed, and with 2 for wrong flags.
//
// Files, in reading order:
//
//	main.go   flags and settings
//	serve.go  serving until a signal arrives
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/bucketocr/bucketocr/localocr/internal/api"
	"github.com/bucketocr/bucketocr/localocr/internal/engine"
)

// errBye is the cause when the process was asked to stop.
var errBye = errors.New("asked to stop")

type options struct {
	listen      string
	engine      string
	psm         int
	workers     int
	limit       time.Duration
	parentStdin bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run serves until ctx ends and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if opts.parentStdin {
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			stop(errBye)
		}()
	}
	if err := start(ctx, opts, log, stdout, stop); err != nil {
		log.Error("localocr failed", "error", err)
		return 1
	}
	return 0
}

// parse parses the flags, and prints errors to stderr.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("localocr", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback `address` and port; port 0 picks a free one")
	fs.StringVar(&o.engine, "engine", "auto",
		"`auto`, wasm or tesseract; auto uses the tesseract program if it is on PATH")
	fs.IntVar(&o.psm, "psm", engine.Auto, "page segmentation: `3` finds columns, 6 reads tables line by line")
	fs.IntVar(&o.workers, "workers", min(2, runtime.NumCPU()),
		"`pages` read concurrently, each by an engine of up to 250 MB")
	fs.DurationVar(&o.limit, "limit", 110*time.Second, "`time` limit for one page")
	fs.BoolVar(&o.parentStdin, "parent-stdin", false, "exit when standard input ends, so as not to outlive the parent")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	var err error
	switch {
	case fs.NArg() > 0:
		err = fmt.Errorf("unknown argument %q", fs.Arg(0))
	case o.workers < 1 || o.limit <= 0:
		err = errors.New("-workers and -limit must be positive")
	case o.psm != engine.Auto && o.psm != engine.OneBlock:
		err = fmt.Errorf("-psm %d: want %d or %d", o.psm, engine.Auto, engine.OneBlock)
	}
	if err != nil {
		fmt.Fprintln(stderr, "localocr:", err)
	}
	return o, err
}

// start sets up the service and serves until ctx ends.
func start(ctx context.Context, o options, log *slog.Logger, stdout io.Writer, stop context.CancelCauseFunc) error {
	ln, err := listen(o.listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	maker, err := engine.Find(ctx, o.engine, o.psm, cacheDir())
	if err != nil {
		return err
	}
	service := &api.Service{
		Model:  "tesseract-" + maker.Version() + "-stand-in",
		Engine: maker.String(),
		Reader: engine.NewPool(maker, o.workers, o.limit, stop),
		Log:    log,
	}
	log.Info("standing in for LightOnOCR: plain text, no layout, English only",
		"model", service.Model, "engine", service.Engine, "psm", o.psm, "workers", o.workers)
	return errors.Join(serve(ctx, ln, service.Handler(), stdout), maker.Close())
}

// cacheDir returns the folder in which compiled WebAssembly is kept between runs, or "" if the user has no cache.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "bucketocr", "localocr")
}
