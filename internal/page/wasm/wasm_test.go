package wasm_test

import (
	"errors"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/wasm"
)

func memory(t *testing.T, limit int64) *wasm.Memory {
	t.Helper()
	m, err := wasm.NewMemory(limit)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMemoryGrowsToItsLimit(t *testing.T) {
	m := memory(t, 1<<20)
	b := m.Reallocate(1000)
	b[999] = 7
	if c := m.Reallocate(1 << 20); len(c) != 1<<20 || c[999] != 7 || m.Refused() {
		t.Error("it did not grow")
	}
	if m.Reallocate(1<<20+1) != nil || !m.Refused() {
		t.Error("it grew past its limit")
	}
	m.Free()
	if b[999] != 7 {
		t.Error("an instance that may still run lost its memory")
	}
	if err := errors.Join(m.Release(), m.Release()); err != nil {
		t.Error(err)
	}
}
