package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
)

// asParent makes this program the parent that is killed. Its value is the address that the child calls.
const asParent = "SANDBOX_TEST_PARENT"

// endless is a module with a function that does not end: (func (export "f") (loop br 0)).
const endless = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b"

// stuck never ends, and the garbage collector, and with it the whole process, waits for it. First it dials the given
// address and sends its process ID; the connection ends with the process.
func stuck(_ context.Context, m Message) (Message, error) {
	conn, err := net.Dial("tcp", string(m.Data))
	if err != nil {
		return Message{}, err
	}
	ctx := context.Background()
	module, err := wazero.NewRuntime(ctx).Instantiate(ctx, []byte(endless))
	if err != nil {
		return Message{}, err
	}
	time.AfterFunc(20*time.Millisecond, func() {
		fmt.Fprintln(conn, os.Getpid())
		runtime.GC()
	})
	_, err = module.ExportedFunction("f").Call(ctx)
	return Message{}, err
}

// TestChildDiesWithItsParent: a child does not outlive a parent that is killed, even if it is stuck in a call.
func TestChildDiesWithItsParent(t *testing.T) {
	if address := os.Getenv(asParent); address != "" {
		_, _, err := child(t).Call(t.Context(), Message{Op: "stuck", Data: []byte(address)})
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("NOT TESTED: elsewhere a child that is stuck outlives a parent that is killed")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	parent := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	parent.Env = []string{asParent + "=" + ln.Addr().String()}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Minute))
	lines, pid := bufio.NewReader(conn), 0
	if _, err := fmt.Fscanln(lines, &pid); err != nil {
		t.Fatal(err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	if _, err := lines.ReadByte(); os.IsTimeout(err) {
		t.Error("the child outlived its parent")
		if orphan, err := os.FindProcess(pid); err == nil {
			_ = orphan.Kill()
		}
	}
}
