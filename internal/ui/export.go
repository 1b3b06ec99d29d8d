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
	exportOrders = 4      // exports that are ordered and not fetched yet; the oldest one goes for the next
)

// orders are exports that were ordered: a browser fetches a file by an address, and one that names thousands of
// documents is too long.
type orders struct {
	mu   sync.Mutex
	list []order // the oldest one first
}

type order struct {
	key string
	ids []string
}

// orderExport takes the ids of the documents of which a file is to be made, and answers with the file's address.
func (s *Server) orderExport(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Documents []string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, exportMost*80)).Decode(&asked)
	if s.c.Export == nil || err != nil || len(asked.Documents) == 0 || len(asked.Documents) > exportMost {
		refuse(w, http.StatusBadRequest,
			fmt.Sprintf("These documents cannot be exported: it takes 1 to %d of them.", exportMost))
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

// export answers with the file, as often as it is asked for while the order is kept: browsers ask twice at times.
func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	ids := s.orders.find(r.PathValue("key"))
	if ids == nil {
		refuse(w, http.StatusNotFound, "This export is no longer there: select the documents again.")
		return
	}
	attach(w, "documents "+time.Now().Format("2006-01-02 15.04")+".zip", "application/zip")
	if err := s.c.Export.Export(r.Context(), w, ids); err != nil {
		s.c.Log.ErrorContext(r.Context(), "the export ended early", "error", err.Error())
		panic(http.ErrAbortHandler) // what was sent is not whole, and the client has to know
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
