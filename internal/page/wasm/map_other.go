//go:build !unix

package wasm

func mapped(n int) ([]byte, error) { return make([]byte, n), nil }

func unmapped([]byte) error { return nil }
