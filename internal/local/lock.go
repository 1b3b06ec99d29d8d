package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// errHeld is what tryLock answers where another process holds the lock.
var errHeld = errors.New("held by another process")

// takeLock takes the directory for this process. The lock is the operating system's: it ends with the returned file, at
// the latest with the process, however that dies. The lock file stays, and tells who holds it.
func takeLock(f folder) (*os.File, error) {
	file, err := os.OpenFile(f.lock(), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("folder %s cannot be written: %w", f.ours(), err)
	}
	if err := tryLock(file); err != nil {
		defer file.Close()
		if errors.Is(err, errHeld) {
			return nil, fmt.Errorf("another bucketocr up works in %s%s", string(f), holder(file))
		}
		return nil, fmt.Errorf("folder %s cannot be locked: %w", f.ours(), err)
	}
	if err := sign(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("folder %s cannot be written: %w", f.ours(), err)
	}
	return file, nil
}

// sign writes this process's id into its lock file.
func sign(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0)
	return err
}

// holder says who holds the lock, or nothing in the moment before the holder has signed.
func holder(file *os.File) string {
	text, _ := io.ReadAll(io.LimitReader(file, 20))
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
