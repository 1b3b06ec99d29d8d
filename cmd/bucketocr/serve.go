package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	"github.com/bucketocr/bucketocr"
	"github.com/bucketocr/bucketocr/internal/config"
)

const serveText = `Serves the function exactly as Cloud Run runs it, on $PORT (default 8080), configured by the environment alone.
SIGTERM and Ctrl-C finish the work in hand or release it.

Example: FIRESTORE_EMULATOR_HOST=127.0.0.1:8081 GOOGLE_CLOUD_PROJECT=demo OCR_URL=http://127.0.0.1:8000 bucketocr serve

Variables:
`

func serveHelp() string { return serveText + variables() }

func serveFlags(*flag.FlagSet) action { return serve }

// serve runs the functions framework around the function.
func serve(ctx context.Context, sys system, args []string) int {
	if len(args) > 0 {
		return complain(sys, "serve", fmt.Errorf("unknown argument %q", args[0]))
	}
	if target, ok := sys.lookup("FUNCTION_TARGET"); ok && target != "" && target != bucketocr.Target {
		return complain(sys, "serve", fmt.Errorf("FUNCTION_TARGET is %q, and the only function is %s", target, bucketocr.Target))
	}
	if err := bucketocr.Setup(sys.lookup, sys.stderr); err != nil {
		fmt.Fprintf(sys.stderr, "bucketocr serve cannot start:\n%v\n", err)
		return exitUsage
	}
	failed := make(chan error, 1)
	go func() { failed <- listen(sys) }()
	select {
	case err := <-failed:
		fmt.Fprintf(sys.stderr, "bucketocr serve: %v\n", err)
		return exitFailed
	case <-ctx.Done():
		bucketocr.Drain()
		return stoppedCode(ctx)
	}
}

// listen serves until it fails. The framework reads its target from the environment, offers no way to stop it and does
// not say on which port it listens: port 0 is therefore made a real one first.
func listen(sys system) error {
	if _, ok := sys.lookup("FUNCTION_TARGET"); !ok {
		if err := os.Setenv("FUNCTION_TARGET", bucketocr.Target); err != nil {
			return err
		}
	}
	port, err := freePort(sys)
	if err != nil {
		return err
	}
	fmt.Fprintf(sys.stdout, "listening on port %s\n", port)
	return funcframework.StartHostPort("", port)
}

// freePort is $PORT if nobody listens there.
func freePort(sys system) (string, error) {
	port, ok := sys.lookup("PORT")
	if !ok || port == "" {
		port = "8080"
	}
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return "", fmt.Errorf("port %s cannot be listened on: %w", port, rootCause(err))
	}
	_, port, err = net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// rootCause is what an operating system's error comes down to, without the call it came from.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// variables is the table of DESIGN 6, for --help.
func variables() string {
	var out string
	for _, v := range config.Variables() {
		out += fmt.Sprintf("  %s", v.Name)
		if v.Default != "" {
			out += " (" + v.Default + ")"
		}
		out += "\n        " + v.Meaning
		if v.Limit != "" {
			out += "; " + v.Limit
		}
		out += "\n"
	}
	return out
}
