package ui

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// answer sends v as JSON.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // an error means that the client has gone
}

// refuse sends an error as a sentence for the user.
func refuse(w http.ResponseWriter, status int, sentence string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": sentence})
}

// trouble sends the status and the sentence for an error of a change, the store, the bucket or an image, and logs
// unexpected ones.
func trouble(log *slog.Logger, w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client has gone
	}
	status, sentence := sentenceOf(err)
	if status == http.StatusInternalServerError {
		log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err.Error())
	}
	refuse(w, status, sentence)
}

var sentences = []struct {
	err      error
	status   int
	sentence string
}{
	{errNoRecord, http.StatusNotFound, "No such document."},
	{errNoPage, http.StatusNotFound, "No such page."},
	{document.ErrNotAsSeen, http.StatusConflict, "The document has changed in the meantime: check it again."},
	{errUnannounced, http.StatusConflict, "Its result has not been announced yet: try again in a few minutes."},
	{document.ErrNothingToRetry, http.StatusConflict,
		"There is nothing to retry: the document is being processed, or was deleted."},
	{document.ErrObjectGone, http.StatusNotFound, "The file no longer exists in this version."},
	{document.ErrObjectCorrupt, http.StatusUnprocessableEntity, "The file is damaged: it cannot be decompressed."},
	{document.ErrObjectLocked, http.StatusUnprocessableEntity, "The file is encrypted with a customer-supplied key."},
	{document.ErrRequesterPays, http.StatusBadGateway,
		"Requester Pays is enabled on the bucket, but no project to bill is set."},
	{document.ErrStorageMisconfigured, http.StatusBadGateway,
		"You may not read the file: your account lacks permission."},
	{document.ErrStorageUnavailable, http.StatusBadGateway, "The bucket is not responding at the moment."},
	{document.ErrStoreMisconfigured, http.StatusBadGateway, "The record store denies access, or does not exist."},
	{document.ErrStoreUnavailable, http.StatusBadGateway, "The record store is not responding at the moment."},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "That took too long."},
}

func sentenceOf(err error) (int, string) {
	for _, s := range sentences {
		if errors.Is(err, s.err) {
			return s.status, s.sentence
		}
	}
	if r, ok := errors.AsType[Refusal](err); ok {
		return http.StatusConflict, string(r)
	}
	if e, ok := errors.AsType[*page.Error](err); ok {
		return http.StatusUnprocessableEntity, pictureSentences[e.Kind]
	}
	return http.StatusInternalServerError, "Something went wrong; see bucketocr's log for details."
}

var pictureSentences = map[page.Kind]string{
	page.Unsupported: "This file cannot be shown here as an image.",
	page.TooLarge:    "The image is too large to show here.",
	page.Corrupt:     "The file is damaged or truncated.",
	page.Encrypted:   "The file is protected with a password.",
	page.Empty:       "The file is empty.",
	page.TooSlow:     "It takes too long to make an image of this file.",
}

var (
	errNoRecord    = errors.New("no such record")
	errNoPage      = errors.New("no such page")
	errUnannounced = errors.New("the record's end is not announced yet")
)
