package heif

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"os"
	"testing"
)

// crashing is a decoder whose decode ends in a trap.
const crashing = "0061736d0100000001100360000060017f017f60037f7f7f017f0304030001020503010001072a04066d656d6f727902000b5f696e697469616c697a65" +
	"0000066d616c6c6f630001066465636f646500020a0d0302000b040041100b0300000b"

// TestCrashOfADecoderIsTheFiles: a crash blames the file, unlike an error of the engine, which a retry may not have.
func TestCrashOfADecoderIsTheFiles(t *testing.T) {
	t.Parallel()
	module, err := hex.DecodeString(crashing)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(module)
	_ = w.Close()
	b, err := os.ReadFile("../testdata/colour.avif")
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{codec: AV1, packed: packed.Bytes(), stream: av1Stream, frame: av1Frame}
	if _, err := e.Decode(b, 1<<20); !errors.Is(err, ErrCrash) {
		t.Error(err)
	}
	if _, err := AVIF().Decode(b, 2<<20); !errors.Is(err, ErrRoom) {
		t.Errorf("in a room that is too small: %v", err)
	}
}
