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

// retry schedules a document for another try if it is still in the version that the user saw: {"version": …}. Failed
// documents retry everything that failed, done ones the pages with warnings.
func (s *Server) retry(w http.ResponseWriter, r *http.Request) {
	if s.c.Retry == nil {
		refuse(w, http.StatusBadRequest, "Retrying is not available on this page.")
		return
	}
	s.changeSeen(w, r, func(seen *document.Stored) error {
		if seen.Unannounced() {
			return errUnannounced
		}
		return s.c.Retry.Retry(r.Context(), seen, func(p document.Page) bool {
			return seen.Status == document.StatusDone && len(p.Warnings) > 0
		})
	})
}

// remove deletes a document if it is still in the version that the user saw: {"version": …}.
func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	if s.c.Delete == nil {
		refuse(w, http.StatusBadRequest, "Deleting is not available on this page.")
		return
	}
	s.changeSeen(w, r, func(seen *document.Stored) error { return s.c.Delete.Delete(r.Context(), seen) })
}

// changeSeen calls change with a document if it is still in the version that the request names.
func (s *Server) changeSeen(w http.ResponseWriter, r *http.Request, change func(*document.Stored) error) {
	var asked struct{ Version string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, "The request names no version.")
		return
	}
	seen, err := s.c.Records.Get(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
	case seen == nil:
		err = errNoRecord
	case seen.Write != asked.Version:
		err = document.ErrNotAsSeen
	default:
		err = change(seen)
	}
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	answer(w, struct{}{})
}

// upload stores one file. The query has its name, and the body its content, whose size is limited.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	if s.c.Upload == nil {
		refuse(w, http.StatusNotFound, "This page does not accept files: upload them to the bucket.")
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
		refuse(w, http.StatusConflict, "A file with this name already exists.")
	case refused:
		refuse(w, http.StatusUnprocessableEntity, string(why))
	case path:
		refuse(w, http.StatusInsufficientStorage, "The file could not be written to the folder.")
	default:
		trouble(s.c.Log, w, r, err)
	}
}

func (s *Server) tooLarge(w http.ResponseWriter) {
	refuse(w, http.StatusRequestEntityTooLarge,
		fmt.Sprintf("The file is larger than %d MiB, the limit set by MAX_BYTES.", s.c.MaxBytes>>20))
}
