// Package engine reads text from page pictures with Tesseract: the installed program if there is
// one, else the same Tesseract compiled to WebAssembly, which needs nothing installed.
//
// Files, in reading order:
//
//	engine.go   choice of the engine
//	pool.go     a pool of engines
//	program.go  the installed program
//	wasm.go     Tesseract in WebAssembly
//	maker.go    interfaces and settings of all engines
package engine

import (
	"context"
	"fmt"
)

// Page segmentation modes.
const (
	Auto     = 3 // finds columns; reads a skewed table column by column
	OneBlock = 6 // reads line by line across the page: right for tables, merges columns
)

// Find returns the maker of the kind asked for: "wasm", "tesseract" (ErrNoProgram if it is not
// there), or "auto", which is the program if there is one and WebAssembly if not. psm is Auto or
// OneBlock. cacheDir is where compiled WebAssembly may be kept; it may be empty.
func Find(ctx context.Context, kind string, psm int, cacheDir string) (Maker, error) {
	if psm != Auto && psm != OneBlock {
		return nil, fmt.Errorf("page segmentation mode %d: want %d or %d", psm, Auto, OneBlock)
	}
	switch kind {
	case "wasm":
		return newWASM(psm, cacheDir), nil
	case "tesseract":
		return findProgram(ctx, psm)
	case "auto":
		if p, err := findProgram(ctx, psm); err == nil {
			return p, nil
		}
		return newWASM(psm, cacheDir), nil
	}
	return nil, fmt.Errorf("engine %q: want auto, wasm or tesseract", kind)
}
