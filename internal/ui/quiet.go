package ui

import "net/http"

// quietly returns a handler of images that responds 200 if next finds no image, or none that can be shown: the page
// then shows the sentence in the JSON body. Browsers log other statuses as errors, but a document may well have more
// pages than its file has images.
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
