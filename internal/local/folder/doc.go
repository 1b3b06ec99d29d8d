// Package folder makes a bucket of a directory: its files are the objects, and changes to them are the events.
//
// [Bucket] is the bucket for the one process that has locked the directory, [View] for all others. The noticed states
// of the files are kept in the database of the records ([sqlite.Files]).
//
// # Objects
//
// The bucket's name is the directory's base name when it was first opened, and does not change when the directory is
// moved: the ids of its documents depend on it. Every regular file is an object, its name the slash-separated path
// below the directory. Names with a segment that begins with a dot (temporary files of many programs, and all of
// bucketocr's) are ignored, as are, each reported once in [Changes], names that are not UTF-8 or longer than
// [document.MaxName] and files that are not regular. A symbolic link counts as the file that it points to if that is
// inside the directory and the link is relative; links that lead outside and links to directories are not followed, so
// nothing outside is ever read and walks do not loop.
//
// A file's state is its modification time (ns) and size: rewriting a file and restoring both is not noticed. Each
// noticed state is a generation: the modification time in ns or, if that is not greater, one more than the name's last
// generation. The last generation is remembered after the file is removed.
//
// # What is stored where
//
// All files of bucketocr are in the data directory DIR/.bucketocr: records.db (see package sqlite), lock, the endpoint
// and the logs of the process that works in the directory, and text/ with one Markdown file per finished object. The
// data directory is created with mode 0700, since its contents are as private as the images; files in it have the
// umask's mode, so that one chmod of the directory opens them to others, except the endpoint, which only its owner can
// read. Package local explains what is trusted.
//
// Files, in reading order:
//
//	view.go           the bucket for processes beside the one that holds it
//	scan.go           finding changes
//	bucket.go         the bucket for the process that holds it
//	text.go           the texts of finished objects
//	content.go        reading the bytes of one state
//	lock.go           locking the directory
//	lock_unix.go      the lock of the operating system
//	lock_windows.go   the same on Windows
//	put.go            adding a file
//	endpoint.go       the address at which the process that holds the directory receives events
//	walk.go           walking the directory, and which files are objects
//	data.go           the data directory: its files, and whether it is this user's own
//	owner_unix.go     the owner of a file
//	owner_windows.go  the same on Windows
//	state.go          states and generations
//	contenttype.go    the declared type by name
//	dir.go            the bucket's directory
package folder
