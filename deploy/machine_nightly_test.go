//go:build nightly

package deploytest

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/compute/metadata"
)

const metadataAddress = "169.254.169.254"

// TestChecksOnAMachineOfGoogles: the first step of cloudbuild.yaml passes where a metadata server is present, as on the
// machines of Cloud Build, under its own address and name, without a variable that says so; and no test asks it for an
// account.
func TestChecksOnAMachineOfGoogles(t *testing.T) {
	need(t, "bash", "unshare", "ip", "mount", "git", "shellcheck")
	if os.Getenv("ON_A_MACHINE") != "" {
		checksOnTheMachine(t)
		return
	}
	if out, err := exec.Command("unshare", "--net", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("this user may have no network of their own: %s", out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--net", "--mount", self, "-test.run=^"+t.Name()+"$", "-test.timeout=35m", "-test.v")
	cmd.Env = append(os.Environ(), "ON_A_MACHINE=yes")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v: %s", err, out)
	}
}

// checksOnTheMachine runs in a separate network namespace, which is that of the machine.
func checksOnTheMachine(t *testing.T) {
	t.Helper()
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts,
		[]byte("127.0.0.1 localhost\n"+metadataAddress+" metadata.google.internal metadata\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"ip", "link", "set", "lo", "up"},
		{"ip", "address", "add", metadataAddress + "/32", "dev", "lo"},
		{"mount", "--bind", hosts, "/etc/hosts"}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", command, out)
		}
	}
	listener, err := net.Listen("tcp", metadataAddress+":80")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{}
	server := &http.Server{Handler: m}
	go func() { _ = server.Serve(listener) }() // ends with the test
	t.Cleanup(func() { server.Close() })
	if !metadata.OnGCEWithContext(t.Context()) {
		t.Fatal("the control: this is not a machine of Google's")
	}

	stubs := t.TempDir() // the packages that the step installs are already present
	if err := os.WriteFile(filepath.Join(stubs, "apt-get"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	// no result of another machine
	env := []string{"PATH=" + stubs + ":" + os.Getenv("PATH"), "GOPROXY=off", "GOFLAGS=-count=1"}
	for _, name := range []string{"GOPATH", "GOMODCACHE", "GOCACHE"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	cmd := exec.Command("bash", "deploy/checks.sh", "quick")
	cmd.Dir, cmd.Env = "..", slices.Concat([]string{"HOME=" + t.TempDir(), "LANG=C.UTF-8"}, env)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if n := m.asked.Load(); n > 0 {
		t.Errorf("the machine was asked for its account %d times", n)
	}
}
