package sandbox

import (
	"os/exec"
	"runtime"
	"syscall"
)

// start starts the process so that the kernel kills it when we end, even by a kill: while a decoder is busy, nothing in
// it is sure to run. To the kernel "we" are the thread that starts it, which is therefore kept until release is called.
func start(cmd *exec.Cmd) (release func(), err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, over := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- cmd.Start()
		<-over
	}()
	return func() { close(over) }, <-started
}
