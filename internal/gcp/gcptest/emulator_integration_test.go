//go:build integration

package gcptest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/freeport"
)

// roleEnv makes this test binary play a role in a separate process.
const roleEnv = "GCPTEST_ROLE"

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// play runs one test of this binary in a separate process and returns its output as a stream.
func play(t *testing.T, test string, env ...string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), append(env, roleEnv+"=1")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// TestRole runs in a separate process: it starts an emulator, prints its address, and waits to be ended.
func TestRole(t *testing.T) {
	if os.Getenv(roleEnv) == "" {
		t.Skip("only in a process of its own")
	}
	t.Logf("host=%s", Firestore(t))
	switch os.Getenv("GCPTEST_END") {
	case "panic":
		panic("as a test may")
	case "exit":
		os.Exit(3)
	case "hang":
		select {}
	}
}

// However a test process ends, its emulator does too.
func TestEmulatorIsNotLeftBehind(t *testing.T) {
	if os.Getenv("FIRESTORE_EMULATOR_HOST") != "" {
		t.Skip("FIRESTORE_EMULATOR_HOST is set, so no process starts an emulator")
	}
	Firestore(t)
	for _, end := range []string{"well", "panic", "exit", "hang"} {
		t.Run(end, func(t *testing.T) {
			cmd, out := play(t, "TestRole", "GCPTEST_END="+end)
			host := ""
			for lines := bufio.NewScanner(out); host == "" && lines.Scan(); {
				_, host, _ = strings.Cut(lines.Text(), "host=")
			}
			if host == "" {
				t.Fatal("the process did not start an emulator")
			}
			if end == "hang" {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			go func() { _, _ = io.Copy(io.Discard, out) }()
			_ = cmd.Wait() // in three of four ways not well
			awaitGone(t, host)
		})
	}
}

// awaitGone waits until nothing listens at host.
func awaitGone(t *testing.T, host string) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Errorf("the emulator at %s was left behind", host)
}

func TestMissingEmulatorIsNamed(t *testing.T) {
	cmd, out := play(t, "TestRole", "PATH="+t.TempDir(), hostEnv+"=")
	got, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its output says it
	for _, want := range []string{"--- FAIL: TestRole", "no Firestore emulator"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("want %q, got:\n%s", want, got)
		}
	}
}

func TestFirestoreTakesTheOneThatRuns(t *testing.T) {
	t.Setenv(hostEnv, "127.0.0.1:1")
	if got := Firestore(t); got != "127.0.0.1:1" {
		t.Errorf("Firestore = %s", got)
	}
}

// TestPortOfAnotherIsNoEmulator: a process that took the port meanwhile is never mistaken for the emulator, whatever it
// answers.
func TestPortOfAnotherIsNoEmulator(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	jar, err := findJar(firestoreEmulator.jar)
	if err != nil {
		t.Fatal(err)
	}
	p := firestoreEmulator
	p.jar = jar
	_, port, _ := strings.Cut(strings.TrimPrefix(other.URL, "http://"), ":")
	if host, _, err := launch(p, port); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("launch = %s, %v", host, err)
	}
}

// TestEmulatorIsUsedOnceItHasAnswered: no test's call is the emulator's first, which may take longer than the test's
// client waits. An emulator that does not answer is reported, and ended.
func TestEmulatorIsUsedOnceItHasAnswered(t *testing.T) {
	t.Parallel()
	jar, err := findJar(firestoreEmulator.jar)
	if err != nil {
		t.Fatal(err)
	}
	port, err := freeport.Choose()
	if err != nil {
		t.Fatal(err)
	}
	p, called, unanswered := firestoreEmulator, "", errors.New("no answer")
	p.jar, p.call = jar, func(ctx context.Context, host string) error {
		called = host
		return cmp.Or(callFirestore(ctx, host), unanswered)
	}
	if host, _, err := launch(p, port); !errors.Is(err, unanswered) {
		t.Errorf("launch = %s, %v, want %v", host, err, unanswered)
	}
	awaitGone(t, called)
}

// An emulator that ends at once is reported with its output.
func TestLaunchFails(t *testing.T) {
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip(err)
	}
	_, _, err := launch(program{jar: "no-such.jar", class: "CloudFirestore", call: callFirestore}, "1")
	if err == nil || !strings.Contains(err.Error(), "CloudFirestore") {
		t.Errorf("launch = %v, want what java says", err)
	}
}
