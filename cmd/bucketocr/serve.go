package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/config"
)

const serveText = `Serves the function exactly as Cloud Run runs it, on $PORT (default 8080), configured by
environment variables alone. On SIGTERM or Ctrl-C, work in flight is finished or released.

Example: FIRESTORE_EMULATOR_HOST=127.0.0.1:8081 \
         GOOGLE_CLOUD_PROJECT=demo-bucketocr \
         OCR_URL=http://127.0.0.1:8000 bucketocr serve

`

func serveHelp() string { return serveText + variables() }

func serveFlags(*pflag.FlagSet) action { return serve }

// serve runs the function in the Functions Framework.
func serve(ctx context.Context, sys system, args []string) int {
	if len(args) > 0 {
		return complain(sys, "serve", fmt.Errorf("unknown argument %q", args[0]))
	}
	cfg, err := config.Load(sys.lookup)
	if err != nil {
		return cannotServe(sys, err)
	}
	if cfg.FunctionTarget != app.Target {
		return complain(sys, "serve",
			fmt.Errorf("FUNCTION_TARGET is %q, but the only function is %s", cfg.FunctionTarget, app.Target))
	}
	handler, err := app.Setup(cfg, sys.stderr, sys.engines)
	if err != nil {
		return cannotServe(sys, err)
	}
	failed := make(chan error, 1)
	go func() { failed <- listen(sys, cfg.Port, handler) }()
	select {
	case err := <-failed:
		fmt.Fprintf(sys.stderr, "bucketocr serve: %v\n", err)
		return exitFailed
	case <-ctx.Done():
		handler.Shutdown()
		return stoppedCode(ctx)
	}
}

func cannotServe(sys system, err error) int {
	fmt.Fprintf(sys.stderr, "bucketocr serve cannot start:\n%v\n", err)
	return exitUsage
}

// listen serves the handler until serving fails. The framework reads its target from the environment, cannot be
// stopped, and does not report its port, so port 0 is replaced with a real one first.
func listen(sys system, port int, handler http.Handler) error {
	functions.HTTP(app.Target, handler.ServeHTTP)
	if err := os.Setenv("FUNCTION_TARGET", app.Target); err != nil {
		return err
	}
	free, err := freePort(port)
	if err != nil {
		return err
	}
	fmt.Fprintf(sys.stdout, "listening on port %s\n", free)
	return funcframework.StartHostPort("", free)
}

// freePort returns the port, or a free one if it is 0, or an error if the port is in use.
func freePort(port int) (string, error) {
	l, err := net.Listen("tcp", fmt.Sprint(":", port))
	if err != nil {
		return "", fmt.Errorf("cannot listen on port %d: %w", port, rootCause(err))
	}
	_, free, err := net.SplitHostPort(l.Addr().String())
	return free, errors.Join(err, l.Close())
}

// variables returns the variables for --help, by section.
func variables() string {
	var out string
	for _, section := range config.Sections() {
		out += section.Title + ":\n"
		for _, v := range section.Variables {
			out += fmt.Sprintf("  %s", v.Name)
			if v.Default != "" {
				out += " (" + v.Default + ")"
			}
			meaning := v.Meaning
			if v.Limit != "" {
				meaning += "; allowed: " + v.Limit
			}
			out += "\n" + filled(meaning, "        ")
		}
		out += "\n"
	}
	return strings.TrimSuffix(out, "\n")
}
