package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"testing"
)

// TestControlPageIsWhatIsDrawn: the file in the repository shows what this command draws. Pixels are compared, because
// another version of Go may compress them in another way.
func TestControlPageIsWhatIsDrawn(t *testing.T) {
	file, err := os.ReadFile("../control.png")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := draw()
	if err != nil {
		t.Fatal(err)
	}
	if gray, ok := stored.(*image.Gray); !ok || !bytes.Equal(gray.Pix, drawn.Pix) || gray.Rect != drawn.Rect {
		t.Error("control.png differs from what is drawn: go generate ./internal/worker/controlpage")
	}
	if len(file) > 2<<10 {
		t.Errorf("control.png has %d bytes, want at most 2 KiB: it is embedded and sent often", len(file))
	}
}
