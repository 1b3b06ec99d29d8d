package ocr

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// slowSource blocks in its second Read until it is released.
type slowSource struct {
	reads    int
	entered  chan struct{}
	release  chan struct{}
	isClosed chan struct{}
}

func (s *slowSource) Read(p []byte) (int, error) {
	if s.reads++; s.reads > 1 {
		s.entered <- struct{}{}
		<-s.release
	}
	return len(p), nil
}

func (s *slowSource) Close() error { close(s.isClosed); return nil }

// A source is closed once, and never while it is being read.
func TestSourceIsNeverClosedDuringARead(t *testing.T) {
	t.Parallel()
	src := &slowSource{entered: make(chan struct{}), release: make(chan struct{}), isClosed: make(chan struct{})}
	b, err := openBody(Image{Size: 10 * blockSize, Open: func() (io.ReadCloser, error) { return src, nil }})
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, b)
	<-src.entered
	b.Close()
	select {
	case <-src.isClosed:
		t.Fatal("closed during a Read")
	default:
	}
	close(src.release)
	<-src.isClosed
	<-b.closed
	b.Close()
	if n, err := b.Read(make([]byte, 10)); n != 0 || err != errAbandoned {
		t.Errorf("a Read after Close returns %d, %v", n, err)
	}
}

// The body is the same whatever the sizes of the reads.
func TestBodyIsTheSameInPiecesOfAnySize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 3, 4, 1000, blockSize - 1, blockSize, blockSize + 1, 2*blockSize + 2} {
		data := bytes.Repeat([]byte("\x00\xffab"), size/4+1)[:size]
		want := "before" + base64.StdEncoding.EncodeToString(data) + "after"
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "single bytes": iotest.OneByteReader,
			"halves": iotest.HalfReader,
			"threes": func(r io.Reader) io.Reader { return pieces{r, 3} }, "sevens": func(r io.Reader) io.Reader {
				return pieces{r, 7}
			},
		} {
			b, err := openBody(Bytes(data))
			if err != nil {
				t.Fatal(err)
			}
			b.enclose([]byte("before"), []byte("after"))
			got, err := io.ReadAll(wrap(b))
			if err != nil || string(got) != want || !b.whole() {
				t.Errorf("%d bytes in %s: %d of %d, whole %v, %v", size, name, len(got), len(want), b.whole(), err)
			}
			b.Close()
		}
	}
}

// pieces is a reader that returns at most n bytes at a time.
type pieces struct {
	r io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

func FuzzMediaType(f *testing.F) {
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x00\x10"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x04ab\xff\xff\xc0\x00\x11\x08\x00\x10\x00\x10\x03"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x22Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, head []byte) {
		media, err := mediaType(head)
		if err == nil && media != "image/png" && media != "image/jpeg" {
			t.Fatalf("%q", media)
		}
	})
}

// The encoder agrees with the library for every length and every pair of characters, and writes nothing beyond the end.
func TestBase64IsTheLibrarys(t *testing.T) {
	t.Parallel()
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
	for name, encode := range map[string]func(dst, src []byte){
		"ours": encodeBase64, "library": base64.StdEncoding.Encode} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(blockSize)
			for b.Loop() {
				encode(dst, src)
			}
		})
	}
}

// The parameters for vLLM's own detection of loops are those that were measured, scaled for longer answers, and never
// so large that vLLM refuses them.
func TestDetectionGoesWithTheAnswersLength(t *testing.T) {
	t.Parallel()
	for maxTokens, want := range map[int]int{1: 30, 4096: 30, 6000: 46, 10_140: 78, 12_288: 78, 131_072: 78} {
		q := question{target: &target{profile: profiles[0]}, maxTokens: maxTokens}
		_, suffix := envelope("image/png", q)
		field := fmt.Sprintf(`"repetition_detection":{"max_pattern_size":%d,"min_pattern_size":1,"min_count":130}`,
			want)
		if !bytes.Contains(suffix, []byte(field)) {
			t.Errorf("%d tokens: %s", maxTokens, suffix)
		}
		if work := want * repetitionMinCount; work > repetitionWork {
			t.Errorf("%d tokens: the server compares %d", maxTokens, work)
		}
	}
}

// A question can omit the detection, and after refusals by the server both optional fields are omitted.
func TestOptionalFieldsCanBeLeftOut(t *testing.T) {
	t.Parallel()
	last := &target{profile: profiles[4]}
	for _, test := range []struct {
		q    question
		want string
	}{
		{question{target: last}, "repetition_detection chat_template_kwargs"},
		{question{target: last, undetected: true}, "chat_template_kwargs"},
		{question{target: last, omitted: fieldDetection}, "chat_template_kwargs"},
		{question{target: last, omitted: fieldTemplate}, "repetition_detection"},
		{question{target: last, omitted: fieldTemplate, undetected: true}, ""},
		{question{target: last, omitted: fieldTemplate | fieldDetection}, ""},
		{question{target: &target{profile: profiles[0]}}, "repetition_detection"},
	} {
		prefix, suffix := envelope("image/png", test.q)
		var sent map[string]json.RawMessage
		if err := json.Unmarshal(append(prefix, suffix...), &sent); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range optional {
			if sent[o.names[0]] != nil {
				got = append(got, o.names[0])
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%+v sends %q", test.q, got)
		}
	}
}

func TestImageTokensAreThoseOfTheModel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		profile             string
		width, height, want int64
	}{
		{"lightonocr-2", 1, 1, 1}, {"lightonocr-2", 600, 800, 638}, {"lightonocr-2", 1654, 2339, 2145},
		{"lightonocr-2", 1540, 1540, 3025},
		{"lightonocr-2", 4000, 4000, 3025}, {"lightonocr-2", 0, 0, 3025}, {"lightonocr-3-4b", 1448, 2048, 46 * 64},
		{"lightonocr-3-4b", 0, 0, 4096},
	} {
		p, _ := profileByName(test.profile)
		if got := p.imageTokens(test.width, test.height); int64(got) != test.want {
			t.Errorf("%s, %d×%d: %d tokens, want %d", test.profile, test.width, test.height, got, test.want)
		}
	}
}
