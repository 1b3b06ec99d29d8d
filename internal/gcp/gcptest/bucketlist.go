package gcptest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// list answers a request for the objects that live, in the order of their names, some at a time.
func (b *Bucket) list(w http.ResponseWriter, r *http.Request, bucket string) {
	q := r.URL.Query()
	if _, f := b.take(Request{List: true, Name: q.Get("prefix"), Header: r.Header.Clone()}); f.Status != 0 {
		refuse(w, f.Status, http.StatusText(f.Status))
		return
	}
	if bucket != b.name {
		refuse(w, http.StatusNotFound, "The specified bucket does not exist.")
		return
	}
	size, err := strconv.Atoi(q.Get("maxResults"))
	if err != nil || size < 1 || size > 1000 {
		size = 1000
	}
	found := b.living(q.Get("prefix"), max(q.Get("startOffset"), q.Get("pageToken")))
	answer := map[string]any{"kind": "storage#objects"}
	if len(found) > size {
		answer["nextPageToken"] = found[size].name // the real one is opaque
		found = found[:size]
	}
	items := make([]any, len(found))
	for i, o := range found {
		items[i] = map[string]any{
			"name": o.name, "generation": strconv.FormatInt(o.generation, 10), "contentType": o.contentType,
			"size": strconv.Itoa(len(o.bytes)), "metadata": o.metadata, "timeCreated": o.created.UTC().Format(time.RFC3339Nano),
		}
	}
	answer["items"] = items
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(answer)
}

// living are the objects that live, with names of that prefix and not before from, in order.
func (b *Bucket) living(prefix, from string) []*object {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []*object
	for _, name := range slices.Sorted(maps.Keys(b.live)) {
		if strings.HasPrefix(name, prefix) && name >= from {
			found = append(found, b.objects[version{name, b.live[name]}])
		}
	}
	return found
}
