package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/bucketocr/bucketocr/internal/document"
)

// retry asks for another try of a document, if it still is what the person saw: {"version": …}. Of a failed one that is
// all that failed; of a done one the pages with warnings.
func (s *Server) retry(w http.ResponseWriter, r *http.Request) {
	if s.c.Retry == nil {
		refuse(w, http.StatusBadRequest, "This cannot be tried again from here.")
		return
	}
	s.changeSeen(w, r, func(seen *document.Stored) error {
		return s.c.Retry.Retry(r.Context(), seen, func(p document.Page) bool {
			return seen.Status == document.StatusDone && len(p.Warnings) > 0
		})
	})
}

// remove deletes a document, if it still is what the person saw: {"version": …}.
func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	if s.c.Delete == nil {
		refuse(w, http.StatusBadRequest, "Nothing is deleted from here.")
		return
	}
	s.changeSeen(w, r, func(seen *document.Stored) error { return s.c.Delete.Delete(r.Context(), seen) })
}

// changeSeen has a document changed that a person saw in the version that the request names.
func (s *Server) changeSeen(w http.ResponseWriter, r *http.Request, change func(*document.Stored) error) {
	var asked struct{ Version string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, "The request does not say which version it is about.")
		return
	}
	seen, err := s.c.Records.Get(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		trouble(s.c.Log, w, r, err)
		return
	case seen == nil:
		trouble(s.c.Log, w, r, errNoRecord)
		return
	case seen.Write != asked.Version:
		err = document.ErrNotAsSeen
	default:
		err = change(seen)
	}
	refusal, refused := errors.AsType[Refusal](err)
	switch {
	case errors.Is(err, document.ErrNotAsSeen):
		refuse(w, http.StatusConflict, "It has changed meanwhile: look again.")
	case errors.Is(err, document.ErrNothingToRetry):
		refuse(w, http.StatusConflict, "There is nothing to retry: a worker has it, or it was deleted.")
	case refused:
		refuse(w, http.StatusConflict, string(refusal))
	case err != nil:
		trouble(s.c.Log, w, r, err)
	default:
		answer(w, struct{}{})
	}
}

// upload takes one file, its name in the query: the body is the file, bounded while it is read.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	if s.c.Upload == nil {
		refuse(w, http.StatusNotFound, "This page takes no files: they go into the bucket.")
		return
	}
	name := r.URL.Query().Get("name")
	if r.ContentLength > s.c.MaxBytes {
		s.tooLarge(w)
		return
	}
	body := http.MaxBytesReader(w, r.Body, s.c.MaxBytes)
	err := s.c.Upload.Put(r.Context(), name, body, r.URL.Query().Get("replace") == "yes")
	if err == nil {
		_, _ = io.Copy(io.Discard, body)
		answer(w, struct{}{})
		return
	}
	_, large := errors.AsType[*http.MaxBytesError](err)
	why, refused := errors.AsType[NotTaken](err)
	_, path := errors.AsType[*os.PathError](err)
	switch {
	case large:
		s.tooLarge(w)
	case errors.Is(err, ErrExists):
		refuse(w, http.StatusConflict, "A file of this name is there already.")
	case refused:
		refuse(w, http.StatusUnprocessableEntity, string(why))
	case path:
		refuse(w, http.StatusInsufficientStorage, "The file could not be written into the folder.")
	default:
		trouble(s.c.Log, w, r, err)
	}
}

func (s *Server) tooLarge(w http.ResponseWriter) {
	refuse(w, http.StatusRequestEntityTooLarge,
		fmt.Sprintf("It is larger than %d MiB, the most that is read (MAX_BYTES).", s.c.MaxBytes>>20))
}
