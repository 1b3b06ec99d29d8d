package ui

import (
	"context"
	"net/http"
	"time"
)

const (
	searchMost = 500             // documents found by one search
	searchTime = 5 * time.Second // for one search
)

// search serves those of the page's documents whose texts contain the words of a query.
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	if s.c.Search == nil {
		refuse(w, http.StatusNotFound, "This page cannot search texts.")
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
