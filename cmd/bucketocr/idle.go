package main

// idle says why nothing in a folder is read; empty over Google Cloud, where that is not known.
func (p *place) idle() string {
	if p.endpoint == nil {
		return ""
	}
	if e, err := p.endpoint(); err == nil && answers(e.URL) {
		return ""
	}
	return "bucketocr up is not running in this folder: what waits is read when it runs again."
}
