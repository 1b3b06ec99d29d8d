package folder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Errors of [Bucket.Put] about a name.
var (
	ErrExists  = errors.New("a file with this name already exists")
	ErrBadName = errors.New("not a valid name for a file in this folder")
)

// incoming is the prefix, in the data directory, of files that are being put.
const incoming = dataName + "/incoming-"

// Put writes a file into the directory, and creates the folders in its name. The file appears whole or not at all.
// Unless replace is set, an existing file with that name is left unchanged, and the error is [ErrExists]. For a name
// that leads outside, through a link or to a place where objects cannot be, and for one that scans ignore, it is
// [ErrBadName]. Errors of content are wrapped, others are the file system's.
func (b *Bucket) Put(ctx context.Context, name string, content io.Reader, replace bool) error {
	if err := b.mayPut(name, replace); err != nil {
		return err
	}
	temp := incoming + rand.Text()
	defer b.root.Remove(temp)
	if err := b.receive(ctx, temp, content); err != nil {
		return fmt.Errorf("file %q: %w", name, err)
	}
	if dir := path.Dir(name); dir != "." {
		if err := b.root.MkdirAll(dir, 0o777); err != nil {
			return fmt.Errorf("file %q: %w", name, err)
		}
	}
	if replace {
		return b.root.Rename(temp, name)
	}
	err := b.root.Link(temp, name)
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil && !missing(err) { // the file system has no hard links
		return b.moveTo(temp, name)
	}
	return err
}

// mayPut returns an error if the name cannot be put.
func (b *Bucket) mayPut(name string, replace bool) error {
	if !validName(name) || Unfinished(path.Base(name), false) {
		return ErrBadName
	}
	for i := range name {
		if name[i] != '/' {
			continue
		}
		info, err := b.root.Lstat(name[:i])
		if err == nil && !info.IsDir() { // scans do not follow links to folders either
			return ErrBadName
		}
	}
	info, err := b.root.Lstat(name)
	switch {
	case err == nil && info.IsDir():
		return ErrBadName
	case err == nil && !replace:
		return ErrExists
	}
	return nil
}

// receive writes content to a temporary file in the data directory.
func (b *Bucket) receive(ctx context.Context, temp string, content io.Reader) error {
	file, err := b.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if err == nil {
		err = ctx.Err()
	}
	return errors.Join(err, file.Close())
}

// moveTo first reserves the name, so that no other writer gets it, and then moves the file there.
func (b *Bucket) moveTo(temp, name string) error {
	claim, err := b.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	if err = claim.Close(); err == nil {
		err = b.root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, b.root.Remove(name))
	}
	return nil
}

// sweepIncoming removes temporary files of a killed process.
func (b *Bucket) sweepIncoming() error {
	entries, err := b.readDir(dataName)
	for _, e := range entries {
		if name := dataName + "/" + e.Name(); strings.HasPrefix(name, incoming) {
			err = errors.Join(err, b.root.Remove(name))
		}
	}
	return err
}
