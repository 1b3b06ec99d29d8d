package page

import (
	"errors"
	"os"
	"testing"
)

// TestBareJPEG2000WithAlphaIsNamed: only the boxes tell the meaning of the fourth channel; without them the picture
// would be garbled.
func TestBareJPEG2000WithAlphaIsNamed(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/small-gray.j2k")
	if err != nil {
		t.Fatal(err)
	}
	data[41] = 4
	var e *Error
	if _, err := Split(t.Context(), newObject(data).source(),
		Limits{Edge: 1540, MaxBytes: 1 << 20, MaxPixels: 60e6, MaxPages: 100, Decoder: decoder}); !errors.As(err, &e) ||
		e.Kind != Unsupported {
		t.Errorf("%v", err)
	}
}
