// Package folder is a directory as bucket: its files are the objects, and what changes among them are the events.
//
// [Bucket] is the bucket for the one process that has locked the directory, [View] for all others. What is known of the
// files is kept in the database of the records ([sqlite.Files]).
//
// # Objects
//
// The bucket's name is the directory's base name when it was first opened, and stays so if the directory is moved: the
// ids of its documents depend on it. Every regular file is an object, its name the slash-separated path below the
// directory. Left out are names with a segment that begins with a dot (temporary files of many programs, and all of
// ours), and, each reported once in [Changes], names that are not UTF-8 and what is not a regular file. A symbolic link
// counts as the file that it points to if that is inside the directory and the link is relative; links that lead out
// and links to directories are not followed, so nothing outside is ever read and no walk goes in circles.
//
// A file is known by its modification time (ns) and size: what rewrites a file and restores both is not noticed. Each
// noticed state is a generation: the modification time in ns, or one more than the last generation of that name where
// that is not greater. The last generation is remembered beyond the file's end.
//
// # What is stored where
//
// All of ours lies in the data directory DIR/.bucketocr: records.db (see package sqlite), lock, the endpoint and the
// logs of the process that works in the directory, and text/ with one Markdown file per finished object. The data
// directory is made with mode 0700, since what is in it tells what the images tell; files in it take the umask's mode,
// so that one chmod of the directory opens it to others, but the endpoint, which only its owner can read. Package local
// says what is trusted.
//
// Files, in reading order:
//
//	view.go           the bucket for processes beside the one that holds it
//	scan.go           what has changed
//	bucket.go         the bucket for the process that holds it
//	text.go           the texts of finished objects
//	content.go        bytes of one state
//	lock.go           who holds the directory
//	lock_unix.go      the lock of the operating system
//	lock_windows.go   the same on Windows
//	put.go            a file is added
//	endpoint.go       where the process that holds the directory takes events
//	walk.go           what is in the directory, and what is an object
//	data.go           the data directory: what is in it, and whether it is this user's own
//	owner_unix.go     who owns a file
//	owner_windows.go  the same on Windows
//	state.go          states and generations
//	contenttype.go    the type that a name declares
//	dir.go            the bucket's directory
package folder
