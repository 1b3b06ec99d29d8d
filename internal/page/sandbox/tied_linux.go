package sandbox

import (
	"os/exec"
	"runtime"
	"syscall"
)

// start starts the process so that the kernel kills it when the parent ends, even if the parent is killed: while a
// decoder is busy, code in the child may not get to run. To the kernel the parent is the thread that starts the
// process, so the thread is kept until release is called.
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
