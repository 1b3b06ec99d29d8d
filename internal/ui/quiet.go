package ui

import "net/http"

// quietly returns a handler of images that answers 200 where next says that there is none, or none that can be shown:
// its sentence in JSON is what a page shows in the image's place. Browsers write every other status into their console
// as an error, and it is none: a document may well have more pages than its file has pictures.
func quietly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { next(quietWriter{w}, r) }
}

type quietWriter struct{ http.ResponseWriter }

func (q quietWriter) WriteHeader(status int) {
	if status == http.StatusNotFound || status == http.StatusUnprocessableEntity {
		status = http.StatusOK
	}
	q.ResponseWriter.WriteHeader(status)
}
