package gcptest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// RequireEnv is the variable that, set to 1, makes a test fail that would be skipped for want of an emulator.
const RequireEnv = "REQUIRE_FIRESTORE_EMULATOR"

// hostEnv is the variable with which Google's clients find a running emulator.
const hostEnv = "FIRESTORE_EMULATOR_HOST"

// emulator is the one of this process.
var emulator struct {
	once sync.Once
	host string
	err  error
	stop func()
}

// Main is the body of a TestMain that uses [Firestore]: it runs the tests and waits until the emulator, if they started
// one, is gone.
//
//	func TestMain(m *testing.M) { os.Exit(gcptest.Main(m)) }
//
// Without it, or where the process is killed, the emulator ends as well, a moment after the process.
func Main(m *testing.M) int {
	code := m.Run()
	if emulator.stop != nil {
		emulator.stop()
	}
	return code
}

// Firestore gives the host:port of a Firestore emulator: the one that FIRESTORE_EMULATOR_HOST names, else the Cloud SDK's,
// started at the first call. Where there is neither, the test is skipped, or fails if [RequireEnv] is 1.
// Every test takes a [Project] of its own in it.
func Firestore(tb testing.TB) (host string) {
	tb.Helper()
	if host := os.Getenv(hostEnv); host != "" {
		return host
	}
	emulator.once.Do(start)
	if emulator.err == nil {
		return emulator.host
	}
	reason := fmt.Sprintf("NO FIRESTORE EMULATOR, SO THIS IS NOT TESTED: %v. Install it with `gcloud components install "+
		"cloud-firestore-emulator` and Java, or set %s.", emulator.err, hostEnv)
	if os.Getenv(RequireEnv) == "1" {
		tb.Fatal(reason)
	}
	tb.Skip(reason)
	return ""
}

// Project makes up the id of a project. Every project in an emulator is empty and apart from the others.
func Project(testing.TB) string { return "demo-" + strings.ToLower(rand.Text()[:16]) }

// start starts the emulator. Another process may take the port between its choice and its use; then it tries another.
func start() {
	jar, err := findJar()
	if err != nil {
		emulator.err = err
		return
	}
	for range 3 {
		if emulator.host, emulator.stop, emulator.err = launch(jar); emulator.err == nil {
			return
		}
	}
}

// guard runs a program and ends it when its standard input ends: when the pipe is closed, or the process that holds its
// other end dies, in whatever way. It ends, too, when the program does.
const guard = `"$@" </dev/null & program=$!
{ cat; kill $program; } <&3 >/dev/null 2>&1 & guard=$!
wait $program; code=$?
kill $guard 2>/dev/null
exit $code`

// startLimit is how long an emulator may take to answer.
const startLimit = time.Minute

// launch starts the emulator on a free port and waits until it answers. The jar is started without the gcloud command,
// which leaves its child behind when it is stopped.
func launch(jar string) (host string, stop func(), err error) {
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	var output tail
	cmd := exec.Command("sh", "-c", "exec 3<&0; "+guard, "sh", "java", "-Xmx768m", "-cp", jar,
		"com.google.cloud.datastore.emulator.firestore.CloudFirestore", "--host=127.0.0.1", "--port="+port)
	cmd.Stdout, cmd.Stderr = &output, &output
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its code says nothing that the output does not
		close(ended)
	}()
	stop = func() {
		pipe.Close()
		<-ended
	}
	host = "127.0.0.1:" + port
	if err := answers(host, ended); err != nil {
		stop()
		return "", nil, fmt.Errorf("%w; its output ends: %s", err, output.String())
	}
	return host, stop, nil
}

// answers waits until the emulator does.
func answers(host string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			return res.Body.Close()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ended:
			return errors.New("the emulator ended before it answered")
		case <-ctx.Done():
			return fmt.Errorf("the emulator did not answer within %v", startLimit)
		}
	}
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// findJar looks for the emulator beneath the root of the Cloud SDK: two folders above the gcloud command, or where that
// says that it is.
func findJar() (string, error) {
	for _, program := range []string{"java", "sh", "gcloud"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", err
		}
	}
	gcloud, err := exec.LookPath("gcloud")
	if err != nil {
		return "", err
	}
	if target, err := filepath.EvalSymlinks(gcloud); err == nil {
		if jar, ok := jarIn(filepath.Dir(filepath.Dir(target))); ok {
			return jar, nil
		}
	}
	root, err := exec.Command(gcloud, "info", "--format=value(installation.sdk_root)").Output()
	if err != nil {
		return "", fmt.Errorf("gcloud info: %w", err)
	}
	if jar, ok := jarIn(strings.TrimSpace(string(root))); ok {
		return jar, nil
	}
	return "", errors.New("the Cloud SDK has no component cloud-firestore-emulator")
}

func jarIn(root string) (string, bool) {
	jar := filepath.Join(root, "platform", "cloud-firestore-emulator", "cloud-firestore-emulator.jar")
	_, err := os.Stat(jar)
	return jar, err == nil
}
