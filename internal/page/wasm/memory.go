// Package wasm provides decoders in WebAssembly with memory that cannot grow past what was acquired for it, and keeps
// their compiled code on disk.
//
// Files, in reading order: memory.go the memory, map_unix.go and map_other.go where it comes from; keep.go the folder
// of compiled code, ours.go whether others can write to it, owner_unix.go and owner_other.go what the system says of
// that.
package wasm

import (
	"context"

	"github.com/tetratelabs/wazero/experimental"
)

// Memory is the memory of one instance, outside of Go's heap: it takes no more of the machine than the instance has
// touched, need not be copied to grow, and is returned at once. What does not fit is refused, and Refused says then
// that the outcome is not to be trusted, whether the engine takes that well or ends in a trap. Not safe for concurrent
// use.
type Memory struct {
	b       []byte // as long as the limit
	refused bool
}

// NewMemory returns memory of at most limit bytes. Release it.
func NewMemory(limit int64) (*Memory, error) {
	b, err := mapped(int(limit))
	return &Memory{b: b}, err
}

// Release returns all of it to the system. Nothing may run in the instance any more.
func (m *Memory) Release() error {
	b := m.b
	m.b = nil
	return unmapped(b)
}

// Reallocate is called by the runtime to grow. It refuses with nil.
func (m *Memory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.b)) {
		m.refused = true
		return nil
	}
	return m.b[:size:size]
}

// Free is called by the runtime when it closes the instance. The memory's owner releases it, once it is not used any
// more.
func (m *Memory) Free() {}

// Refused reports whether the instance asked for more than the limit.
func (m *Memory) Refused() bool { return m.refused }

// WithMemory is the context to make a runtime's instances with: next returns the memory of each.
func WithMemory(ctx context.Context, next func() *Memory) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(
		func(_, _ uint64) experimental.LinearMemory { return next() }))
}
