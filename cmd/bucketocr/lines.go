package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// detail returns the part of a record's line after its name.
func detail(r *document.Record) string {
	switch {
	case r.Rereading != nil: // its times are those of two readings
		return "  read again: " + readingAgain(r)
	case r.Status == document.StatusDone:
		return fmt.Sprintf("  %s in %.1f s%s", pages(r), r.Finished.Sub(r.Started).Seconds(), warnings(r))
	case r.Status == document.StatusProcessing && r.PagesDone > 0:
		return fmt.Sprintf("  page %d of %d", r.PagesDone, r.Pages)
	case r.Status == document.StatusProcessing && r.Attempt > 1:
		return fmt.Sprintf("  attempt %d", r.Attempt)
	case r.Status == document.StatusRetrying:
		return fmt.Sprintf("%s; again at %s", reason(r), r.Due.Local().Format(time.TimeOnly))
	}
	return reason(r)
}

// readingAgain returns the state of a document's rereading.
func readingAgain(r *document.Record) string {
	switch again := r.Rereading; {
	case again.Error != nil:
		return "failed: " + plain(again.Error.Code) + ": " + oneLine(again.Error.Message)
	case r.Lease != nil:
		return "now"
	}
	return "waiting"
}

func reason(r *document.Record) string {
	if r.Error == nil {
		return ""
	}
	return fmt.Sprintf("  %s: %s", plain(r.Error.Code), oneLine(r.Error.Message))
}

func pages(r *document.Record) string {
	switch {
	case r.Blank:
		return "blank"
	case r.PagesDone < r.Pages:
		return fmt.Sprintf("the first %d of %d pages", r.PagesDone, r.Pages)
	}
	return pageCount(r.Pages)
}

// pageCount returns a count with its noun.
func pageCount(n int) string {
	if n == 1 {
		return "1 page"
	}
	return count(int64(n)) + " pages"
}

func warnings(r *document.Record) string {
	if len(r.Warnings) == 0 {
		return ""
	}
	return ", warning: " + words(r.Warnings)
}

// words joins words of a document, safe for a terminal.
func words(all []string) string {
	var b strings.Builder
	for i, word := range all {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(plain(word))
	}
	return b.String()
}

// gsURL returns an object's address, safe for a terminal.
func gsURL(r *document.Record) string { return plain("gs://" + r.Bucket + "/" + r.Name) }

// count formats a number with thousands separators.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// objects returns a count with its noun.
func objects(n int64) string {
	if n == 1 {
		return "1 object"
	}
	return count(n) + " objects"
}

// age formats a duration in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(max(d, 0).Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// byteCount formats a size in its largest unit.
func byteCount(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
