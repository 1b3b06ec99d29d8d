package ui

import (
	"context"
	"net/http"
	"time"
)

const (
	searchMost = 500             // documents that one search finds
	searchTime = 5 * time.Second // for one search
)

// search answers with the documents whose texts have the words of a query, of those that the page shows.
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	if s.c.Search == nil {
		refuse(w, http.StatusNotFound, "Texts are not searched here.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	hits, more, err := s.c.Search(ctx, r.URL.Query().Get("q"), searchMost)
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	shown := []Hit{}
	for _, h := range hits {
		if _, known := s.feed.objectOf(h.ID); known {
			shown = append(shown, h)
		}
	}
	answer(w, struct {
		Hits []Hit `json:"hits"`
		More bool  `json:"more"`
	}{shown, more})
}
