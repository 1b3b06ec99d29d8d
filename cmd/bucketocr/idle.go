package main

// idle returns why nothing in the folder is being read; empty if bucketocr up is running, and for Google Cloud, where
// it is unknown.
func (p *place) idle() string {
	if p.endpoint == nil {
		return ""
	}
	if e, err := p.endpoint(); err == nil && answers(e.URL) {
		return ""
	}
	return "bucketocr up is not running in this folder: waiting documents are read when it runs again."
}
