package ui

import "github.com/bucketocr/bucketocr/internal/document"

// words say what a code means and what to do about it.
type words struct {
	Says string `json:"says"`
	Do   string `json:"do"`
}

// codeWords returns the sentences of every code that a record's error holds.
func codeWords() map[string]words {
	table := map[string]words{}
	for _, c := range document.Codes() {
		table[c.Code] = words{c.Summary, c.Advice}
	}
	return table
}

// warningWords returns the sentence of every warning.
func warningWords() map[string]string {
	table := map[string]string{}
	for _, w := range document.Warnings() {
		table[w.Warning] = w.Summary
	}
	return table
}
