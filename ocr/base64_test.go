package ocr

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"testing"
)

// TestBase64: every length, every pair of characters, and not a byte behind the end.
func TestBase64(t *testing.T) {
	dice := rand.NewChaCha8([32]byte{7})
	for n := range 300 {
		compareBase64(t, randomBytes(dice, n))
	}
	every := make([]byte, 0, 3*4096)
	for v := range 4096 {
		every = append(every, byte(v>>4), byte(v<<4)|byte(v>>8), byte(v))
	}
	compareBase64(t, every)
}

func randomBytes(dice *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	_, _ = dice.Read(b) // never fails
	return b
}

func compareBase64(t *testing.T, src []byte) {
	t.Helper()
	want := base64.StdEncoding.EncodeToString(src)
	got := append(bytes.Repeat([]byte{'!'}, len(want)), '!')
	encodeBase64(got[:len(want)], src)
	if string(got) != want+"!" {
		t.Fatalf("%x\ngot  %s\nwant %s", src, got, want)
	}
}

func FuzzBase64(f *testing.F) {
	f.Add([]byte("any carnal pleas"))
	f.Fuzz(func(t *testing.T, src []byte) { compareBase64(t, src) })
}

func BenchmarkBase64(b *testing.B) {
	src := randomBytes(rand.NewChaCha8([32]byte{7}), blockSize)
	dst := make([]byte, base64.StdEncoding.EncodedLen(len(src)))
	for name, encode := range map[string]func(dst, src []byte){"ours": encodeBase64, "library": base64.StdEncoding.Encode} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(blockSize)
			for b.Loop() {
				encode(dst, src)
			}
		})
	}
}
