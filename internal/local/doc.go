// Package local is the driver of the local run: a directory is the bucket, an embedded database holds the records.
//
// [Open] takes a directory for one process and returns its [World], which is the bucket ([pipeline.Objects]), the record
// store ([pipeline.Records], [pipeline.Watcher]), the source of events ([World.Scan]) and the place of the texts
// ([World.WriteText]). [OpenReadOnly] is for other processes that look on meanwhile. The world does not deliver or
// redeliver by itself: whoever runs it loops over Scan and over [Store.Due].
//
// # The directory as bucket
//
// The bucket's name is the directory's base name when it was first opened, and stays so if the directory is moved: the
// ids of its documents hang on it. Every regular file is an object, its name the slash-separated path below the directory.
// Left out are names with a segment that begins with a dot (temporary files of many programs, and all of ours), and,
// each reported once in [Changes], names that are not UTF-8 and what is no regular file. A symbolic link counts as the
// file that it points to if that is inside the directory and the link is relative; links that lead out and links to
// directories are not followed, so nothing outside is ever read and no walk goes in circles.
//
// A file is known by its modification time (ns) and size: what rewrites a file and restores both is not noticed. Each
// noticed state is a generation: the modification time in ns, or one more than the last generation of that name where
// that is not greater. The last generation is remembered beyond the file's end.
//
// # What is stored where
//
// All of ours lies in DIR/.bucketocr: records.db (SQLite in WAL mode: records, pages, objects), lock, and text/ with one
// Markdown file per finished object. The directory is made with mode 0700, since what is in it tells what the images
// tell; files in it take the umask's mode, so that one chmod of the directory opens it to others.
package local
