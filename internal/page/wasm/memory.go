// Package wasm gives WebAssembly decoders memory with a hard limit, and keeps their compiled code on disk.
//
// Files, in reading order: memory.go the memory, map_unix.go and map_other.go its allocation; keep.go the folder of
// compiled code, ours.go the check that no other user can write to it, owner_unix.go and owner_other.go file owners.
package wasm

import (
	"context"

	"github.com/tetratelabs/wazero/experimental"
)

// Memory is the memory of one instance, outside Go's heap. Only pages that the instance has touched use physical
// memory; growing needs no copy, and releasing takes effect at once. Growth beyond the limit is refused. Refused then
// reports true, and the instance's result must not be trusted, whether the engine handled the failure or trapped. Not
// safe for concurrent use.
type Memory struct {
	b       []byte // its length is the limit
	refused bool
}

// NewMemory returns memory of at most limit bytes. The caller must release it.
func NewMemory(limit int64) (*Memory, error) {
	b, err := mapped(int(limit))
	return &Memory{b: b}, err
}

// Release returns the memory to the system. The instance must not run any more.
func (m *Memory) Release() error {
	b := m.b
	m.b = nil
	return unmapped(b)
}

// Reallocate is called by the runtime to grow the memory. It returns nil to refuse.
func (m *Memory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.b)) {
		m.refused = true
		return nil
	}
	return m.b[:size:size]
}

// Free is called by the runtime when it closes the instance. It does nothing: the owner releases the memory.
func (m *Memory) Free() {}

// Refused reports whether the instance asked for more than the limit.
func (m *Memory) Refused() bool { return m.refused }

// WithMemory returns a context for creating instances. next is called for the memory of each.
func WithMemory(ctx context.Context, next func() *Memory) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(
		func(_, _ uint64) experimental.LinearMemory { return next() }))
}
