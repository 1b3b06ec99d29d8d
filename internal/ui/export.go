package ui

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	exportMost   = 50_000 // documents in one export
	exportOrders = 4      // exports ordered but not fetched yet; a further one replaces the oldest
)

// orders keeps the exports that were ordered. Ordering is a request of its own because a browser downloads files with
// GET, and a URL cannot hold thousands of document IDs.
type orders struct {
	mu   sync.Mutex
	list []order // oldest first
}

type order struct {
	key string
	ids []string
}

// orderExport accepts the IDs of documents to export and responds with the address of the file.
func (s *Server) orderExport(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Documents []string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, exportMost*80)).Decode(&asked)
	if s.c.Export == nil || err != nil || len(asked.Documents) == 0 || len(asked.Documents) > exportMost {
		refuse(w, http.StatusBadRequest,
			fmt.Sprintf("Select 1 to %d documents to export.", exportMost))
		return
	}
	var ids []string
	once := map[string]bool{}
	for _, id := range asked.Documents {
		if _, known := s.feed.objectOf(id); !known {
			trouble(s.c.Log, w, r, errNoRecord)
			return
		}
		if !once[id] {
			once[id], ids = true, append(ids, id)
		}
	}
	key := rand.Text()
	s.orders.mu.Lock()
	defer s.orders.mu.Unlock()
	if len(s.orders.list) == exportOrders {
		s.orders.list = s.orders.list[1:]
	}
	s.orders.list = append(s.orders.list, order{key, ids})
	answer(w, map[string]string{"file": "/api/exports/" + key})
}

// export serves the file. It may be fetched more than once while the order is kept, as some browsers do.
func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	ids := s.orders.find(r.PathValue("key"))
	if ids == nil {
		refuse(w, http.StatusNotFound, "This export has expired: select the documents again.")
		return
	}
	attach(w, "documents "+time.Now().Format("2006-01-02 15.04")+".zip", "application/zip")
	if err := s.c.Export.Export(r.Context(), w, ids); err != nil {
		s.c.Log.ErrorContext(r.Context(), "export failed", "error", err.Error())
		panic(http.ErrAbortHandler) // tells the client that the response is incomplete
	}
}

func (o *orders) find(key string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, one := range o.list {
		if one.key == key {
			return one.ids
		}
	}
	return nil
}
