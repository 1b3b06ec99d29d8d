package local

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// child is another process of this program.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	stop  io.Closer
}

func startChild(t *testing.T, role, dir string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	c := &child{t, cmd, bufio.NewScanner(out), in}
	t.Cleanup(c.kill)
	return c
}

// line is the child's next line.
func (c *child) line() string {
	c.t.Helper()
	if !c.lines.Scan() {
		c.t.Fatalf("the child has ended: %v", c.lines.Err())
	}
	if strings.HasPrefix(c.lines.Text(), "error:") {
		c.t.Fatal("child: " + c.lines.Text())
	}
	return c.lines.Text()
}

// until reads the child's lines before the given one.
func (c *child) until(end string) (lines []string) {
	c.t.Helper()
	for l := c.line(); l != end; l = c.line() {
		lines = append(lines, l)
	}
	return lines
}

// kill ends the child as kill -9 does. It may be repeated.
func (c *child) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}
