package folder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/bucketocr/bucketocr/internal/document"
)

// errHeld is returned by tryLock if another process holds the lock.
var errHeld = errors.New("held by another process")

// Lock is a directory locked by this process.
type Lock struct {
	data    *Data
	file    *os.File
	closing sync.Once
}

// Lock locks the directory for this process. The lock is the operating system's: it ends with Close, or with the
// process, however that dies. The lock file stays, and names the holder.
func (h *Data) Lock() (*Lock, error) {
	file, err := h.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("folder %s cannot be written: %w", h.dir.data(), err)
	}
	if err := tryLock(file); err != nil {
		defer file.Close()
		if errors.Is(err, errHeld) {
			return nil, fmt.Errorf("another bucketocr up works in %s%s", string(h.dir), holder(file))
		}
		return nil, fmt.Errorf("folder %s cannot be locked: %w", h.dir.data(), err)
	}
	if err := sign(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("folder %s cannot be written: %w", h.dir.data(), err)
	}
	return &Lock{data: h, file: file}, nil
}

// Close unlocks the directory. It may be repeated.
func (l *Lock) Close() error {
	var err error
	l.closing.Do(func() { err = errors.Join(unlock(l.file), l.file.Close()) })
	return err
}

// held returns an error if the locked directory is no longer at its path (removed, unmounted, moved): it then only
// looks like a bucket without files.
func (l *Lock) held() error {
	mine, err := l.file.Stat()
	if err != nil {
		return fmt.Errorf("%w: %w", document.ErrStorageUnavailable, err)
	}
	there, err := os.Lstat(l.data.path(lockName))
	if err != nil || !os.SameFile(mine, there) {
		return fmt.Errorf("%w: %s was moved or removed while bucketocr up works in it",
			document.ErrStorageUnavailable, l.data.dir.data())
	}
	return nil
}

// sign writes this process's id into the lock file.
func sign(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0)
	return err
}

// holder returns " (pid N)" for the process that holds the lock, or nothing before that has signed.
func holder(file *os.File) string {
	text, _ := io.ReadAll(io.LimitReader(file, 20))
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
