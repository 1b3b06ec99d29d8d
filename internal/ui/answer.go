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
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

// refuse sends a sentence for the person who looks.
func refuse(w http.ResponseWriter, status int, sentence string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": sentence})
}

// trouble says what an error of the store, of the bucket or of an image is about.
func trouble(log *slog.Logger, w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client has gone
	}
	status, sentence := sentenceOf(err)
	if status == http.StatusInternalServerError {
		log.ErrorContext(r.Context(), "the page could not answer", "path", r.URL.Path, "error", err.Error())
	}
	refuse(w, status, sentence)
}

var sentences = []struct {
	err      error
	status   int
	sentence string
}{
	{errNoRecord, http.StatusNotFound, "There is no such document."},
	{errNoPage, http.StatusNotFound, "There is no such page."},
	{document.ErrObjectGone, http.StatusNotFound, "The file is no longer there in this version."},
	{document.ErrObjectCorrupt, http.StatusUnprocessableEntity, "The file is broken: it cannot be unpacked."},
	{document.ErrObjectLocked, http.StatusUnprocessableEntity, "The file is encrypted with a key of its owner's own."},
	{document.ErrRequesterPays, http.StatusBadGateway,
		"Requester Pays is on for the bucket, and no project is named to pay."},
	{document.ErrStorageMisconfigured, http.StatusBadGateway,
		"You may not read the file: your account lacks the right to."},
	{document.ErrStorageUnavailable, http.StatusBadGateway, "The bucket does not answer at the moment."},
	{document.ErrStoreMisconfigured, http.StatusBadGateway, "The record store refuses you, or is not there."},
	{document.ErrStoreUnavailable, http.StatusBadGateway, "The record store does not answer at the moment."},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "That took too long."},
}

func sentenceOf(err error) (int, string) {
	for _, s := range sentences {
		if errors.Is(err, s.err) {
			return s.status, s.sentence
		}
	}
	if e, ok := errors.AsType[*page.Error](err); ok {
		return http.StatusUnprocessableEntity, pictureSentences[e.Kind]
	}
	return http.StatusInternalServerError, "Something went wrong on this machine; bucketocr's log says what."
}

var pictureSentences = map[page.Kind]string{
	page.Unsupported: "This file cannot be shown here as an image.",
	page.TooLarge:    "The image is too large to be shown here.",
	page.Corrupt:     "The file is broken or cut off.",
	page.Encrypted:   "The file is locked with a password.",
	page.Empty:       "The file is empty.",
}

var (
	errNoRecord = errors.New("no such record")
	errNoPage   = errors.New("no such page")
)
