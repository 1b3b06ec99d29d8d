package folder

import (
	"io/fs"
	"math"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
)

// stamp identifies a state of a file: modification time in Unix ns, size in bytes.
type stamp struct{ mtime, size int64 }

func stampOf(info fs.FileInfo) stamp { return stamp{sqlite.Nanos(info.ModTime()), info.Size()} }

// state is the newest noticed state of a name: of a file, or its removal.
type state struct {
	sqlite.File
	handed bool // this process's Scan has returned the event; not stored
}

func (s state) fileStamp() stamp { return stamp{s.Modified, s.Size} }

// is reports whether a file with stamp f is in the noticed state.
func (s state) is(f stamp) bool { return !s.Gone && s.fileStamp() == f }

// maxFromTime is the greatest generation taken from a file's time: it leaves enough room to count further.
const maxFromTime = math.MaxInt64 - 1<<40

// next returns the state after s (zero: none) if the name's file has stamp f. Generations are greater than 0.
func (s state) next(f stamp, now time.Time) state {
	return state{File: sqlite.File{
		Generation: max(min(f.mtime, maxFromTime), s.Generation+1), Modified: f.mtime, Size: f.size,
		Noticed: sqlite.Nanos(now),
	}}
}

// end returns the state after s if the file has vanished.
func (s state) end(now time.Time) state {
	return state{File: sqlite.File{
		Generation: s.Generation, Modified: s.Modified, Size: s.Size, Noticed: sqlite.Nanos(now), Gone: true,
	}}
}

func attributes(name string, f sqlite.File) document.Attributes {
	return document.Attributes{ContentType: ContentType(name), Size: f.Size}
}
