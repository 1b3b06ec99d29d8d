package ui

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// pictureTime bounds the making of one picture, the reading of the object included.
const pictureTime = 2 * time.Minute

// image answers with the picture of a page: always one that was made here, PNG or JPEG, whatever the object is.
func (s *Server) image(w http.ResponseWriter, r *http.Request) {
	o, ok := s.feed.find(r.PathValue("id"))
	n, err := strconv.Atoi(r.PathValue("page"))
	switch {
	case !ok:
		s.trouble(w, r, errNoRecord)
		return
	case err != nil || n < 1:
		s.trouble(w, r, errNoPage)
		return
	}
	// The address names the generation, so that a browser may keep what it got.
	if asked := r.URL.Query().Get("generation"); asked != strconv.FormatInt(o.Generation, 10) {
		refuse(w, http.StatusNotFound, "The file is no longer there in this version.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pictureTime)
	defer cancel()
	p, err := s.album.make(ctx, o, n)
	if err != nil {
		s.trouble(w, r, err)
		return
	}
	if p.contentType != "image/png" && p.contentType != "image/jpeg" {
		refuse(w, http.StatusUnprocessableEntity, "The file is no image that can be shown here.")
		return
	}
	w.Header().Set("Content-Type", p.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(p.bytes)))
	w.Header().Set("Cache-Control", "private, max-age=3600, immutable")
	_, _ = w.Write(p.bytes) // whoever asked has gone
}
