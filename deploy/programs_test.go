package deploytest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// built builds a program of a folder here under the name gcloud, and gives the folder for PATH.
func built(folder string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		dir := filepath.Join(scratch, folder)
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "gcloud"), "./"+folder).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		return dir, nil
	})
}

var (
	fakeGcloud  = built("fakegcloud")
	quickGcloud = built("quickgcloud")
)

// quick starts the real gcloud once for the test, and gives what a run needs to use it.
func quick(t *testing.T) []string {
	t.Helper()
	bin, err := quickGcloud()
	if err != nil {
		t.Fatal(err)
	}
	info, err := exec.Command("gcloud", "info", "--format=value(installation.sdk_root,basic.python_location)").Output()
	if err != nil {
		t.Fatal(err)
	}
	root, python, ok := strings.Cut(strings.TrimSpace(string(info)), "\t")
	if !ok {
		t.Fatalf("gcloud info: %q", info)
	}
	dir, err := os.MkdirTemp("", "q") // a socket's path may be no longer than some 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	socket := filepath.Join(dir, "s")
	cmd := exec.CommandContext(ctx, python, "quickgcloud/server.py", root, socket)
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "CLOUDSDK_CONFIG=" + dir}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		os.RemoveAll(dir)
	})
	for range 600 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "QUICK_GCLOUD=" + socket}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("gcloud did not come up")
	return nil
}
