package gcptest

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// roleEnv has this test binary play a part in a process of its own.
const roleEnv = "GCPTEST_ROLE"

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// play runs one test of this binary in a process of its own and returns its output as it comes.
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

// TestRole is what a process of its own does: it starts an emulator, says where, and waits to be ended.
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
	Firestore(t) // or skip
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
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Errorf("the emulator at %s was left behind", host)
}

func TestWithoutAnEmulator(t *testing.T) {
	for require, want := range map[string]string{"": "--- SKIP: TestRole", "1": "--- FAIL: TestRole"} {
		cmd, out := play(t, "TestRole", "PATH="+t.TempDir(), hostEnv+"=", RequireEnv+"="+require)
		got, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // its output says it
		if !strings.Contains(string(got), want) || !strings.Contains(string(got), "NO FIRESTORE EMULATOR") {
			t.Errorf("%s=%s: want %s, loud, got:\n%s", RequireEnv, require, want, got)
		}
	}
}

func TestFirestoreTakesTheOneThatRuns(t *testing.T) {
	t.Setenv(hostEnv, "127.0.0.1:1")
	if got := Firestore(t); got != "127.0.0.1:1" {
		t.Errorf("Firestore = %s", got)
	}
}

func TestProjects(t *testing.T) {
	a, b := Project(t), Project(t)
	if a == b || !strings.HasPrefix(a, "demo-") || len(a) > 30 {
		t.Errorf("projects %s and %s", a, b)
	}
}

// An emulator that ends at once is reported with what it said.
func TestLaunchFails(t *testing.T) {
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip(err)
	}
	_, _, err := launch("no-such.jar", "CloudFirestore")
	if err == nil || !strings.Contains(err.Error(), "CloudFirestore") {
		t.Errorf("launch = %v, want what java says", err)
	}
}

func TestTail(t *testing.T) {
	var out tail
	for range 100 {
		if n, err := io.WriteString(&out, strings.Repeat("x", 99)+"\n"); n != 100 || err != nil {
			t.Fatal(n, err)
		}
	}
	_, _ = io.WriteString(&out, "end")
	if got := out.String(); len(got) != maxTail || !strings.HasSuffix(got, "end") {
		t.Errorf("%d bytes, ending %q", len(got), got[len(got)-5:])
	}
}
