package main

import (
	"bytes"
	"context"
	"flag"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	pageimage "github.com/bucketocr/bucketocr/internal/page"
)

// asMain makes the test binary the program itself, so that tests can start it, signal it and kill it.
const asMain = "BUCKETOCR_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	pageimage.ServeIfDecoder()
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	// These tests mostly wait for a folder to be looked through again.
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(gcptest.Main(m))
}

func program(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return exec.Command(self, args...)
}

// runProgram runs the program to its end.
func runProgram(t *testing.T, env []string, args ...string) (code int, stderr string) {
	t.Helper()
	cmd := program(args...)
	cmd.Env = append(env, asMain+"=1", "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), errs.String()
}

// TestWrongSettings: all wrong settings are reported at once, by name, with a non-zero exit code.
func TestWrongSettings(t *testing.T) {
	code, stderr := runProgram(t, []string{"OCR_TIMEOUT=soon", "INCLUDE=[a", "MAX_BYTES=-1"}, "serve")
	for _, name := range []string{"OCR_URL", "OCR_TIMEOUT", "INCLUDE", "MAX_BYTES"} {
		if !strings.Contains(stderr, name+":") {
			t.Errorf("%s is not named:\n%s", name, stderr)
		}
	}
	if code != exitUsage {
		t.Errorf("exit code %d", code)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	code, stderr := runProgram(t, []string{"OCR_URL=http://127.0.0.1:1", "PORT=" + port}, "serve")
	if code != exitFailed || !strings.Contains(stderr, "cannot listen on port "+port+": address already in use") {
		t.Errorf("%d: %s", code, stderr)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "Usage: bucketocr"},
		{[]string{"help"}, exitGood, "Usage: bucketocr"},
		{[]string{"fly"}, exitUsage, `no command "fly"`},
		{[]string{"serve", "--help"}, exitGood, "OCR_TIMEOUT"},
		{[]string{"serve", "x"}, exitUsage, `unknown argument "x"`},
		{[]string{"serve", "--fast"}, exitUsage, "-fast"},
		{[]string{"up", "--help"}, exitGood, "-once"},
		{[]string{"up", "a", "b"}, exitUsage, `only one folder can be given: unexpected "b"`},
	} {
		var out bytes.Buffer
		code := run(context.Background(),
			system{&out, &out, func(string) (string, bool) { return "", false }, platformBackoff, nil, ""}, c.args)
		if code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: %d\n%s", c.args, code, out.String())
		}
	}
	if slices.ContainsFunc(commands(), func(c command) bool { return c.short == "" }) {
		t.Error("a command without a word about it")
	}
}
