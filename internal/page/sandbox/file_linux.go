package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Copies is the number of copies of a File's bytes that parent and child hold together during a call.
const Copies = 1

// File holds the bytes of an object for calls: once, outside Go's heap, however many processes read them. It can be
// used until Close, but not concurrently with Close.
type File struct {
	memory *os.File // anonymous and sealed, so that no process can change it
	bytes  []byte
}

// NewFile returns a File with the bytes of r, of which there are size, or -1 if that is unknown. The caller must close
// it.
func NewFile(r io.Reader, _ int64) (*File, error) {
	fd, err := unix.MemfdCreate("object", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("sandbox: memory for a file: %w", err)
	}
	f := &File{memory: os.NewFile(uintptr(fd), "object")}
	if _, err = io.Copy(f.memory, r); err == nil {
		_, err = unix.FcntlInt(f.memory.Fd(), unix.F_ADD_SEALS,
			unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	if err == nil {
		f.bytes, err = mapFile(fd)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("sandbox: memory for a file: %w", err)
	}
	return f, nil
}

// Bytes returns the bytes, which must not be changed, nor read after Close.
func (f *File) Bytes() []byte { return f.bytes }

// Close releases the memory.
func (f *File) Close() {
	unmapFile(f.bytes)
	f.bytes = nil
	_ = f.memory.Close()
}

// mapFile maps all of a sealed file. The mapping is private since the kernel allows no shared one of a sealed file
// before Linux 6.7; without write access it has no memory of its own, and does not count towards RLIMIT_DATA.
func mapFile(fd int) ([]byte, error) {
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil || s.Size == 0 {
		return nil, err
	}
	return unix.Mmap(fd, 0, int(s.Size), unix.PROT_READ, unix.MAP_PRIVATE)
}

func unmapFile(b []byte) {
	if b != nil {
		_ = unix.Munmap(b)
	}
}

// socketFD is the child's end of the socket that carries descriptors of files.
const socketFD = 3

// connect makes the socket that carries descriptors of files to the process that cmd will start. The caller must close
// both ends: the child's when it has started.
func connect(cmd *exec.Cmd) (ours, childs *os.File, err error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, childs = os.NewFile(uintptr(ends[0]), "socket"), os.NewFile(uintptr(ends[1]), "socket")
	cmd.ExtraFiles = []*os.File{childs} // the first is socketFD
	return ours, childs, nil
}

// pass sends the descriptor of a call's file ahead of the call.
func (m *Message) pass(socket *os.File) error {
	if m.File == nil {
		return nil
	}
	m.Passed = true
	rights := unix.UnixRights(int(m.File.memory.Fd()))
	return unix.Sendmsg(int(socket.Fd()), []byte{0}, rights, nil, unix.MSG_NOSIGNAL)
}

// receive maps the file that was passed with a call as its Data.
func (m *Message) receive() error {
	rights := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socketFD, make([]byte, 1), rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return err
	}
	controls, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(controls) != 1 {
		return errors.Join(errors.New("no file was passed"), err)
	}
	fds, err := unix.ParseUnixRights(&controls[0])
	if err != nil || len(fds) != 1 {
		return errors.Join(errors.New("no file was passed"), err)
	}
	defer unix.Close(fds[0])
	m.Data, err = mapFile(fds[0])
	return err
}

// release unmaps what receive has mapped.
func (m *Message) release() {
	if m.Passed {
		unmapFile(m.Data)
	}
}
