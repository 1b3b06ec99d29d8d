package ocr_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
)

// The benchmarks compare this client with two other ways to send a page: the obvious one, which is what people write
// first, and a bare loop that streams the page but checks nothing, retries nothing and does not classify failures.
//
//	go test -run '^$' -bench Way -benchtime 20x ./ocr

// pageSource generates a page of any size without holding it in memory.
type pageSource struct{ left, at int }

var pattern = bigPage(64 << 10)

func (s *pageSource) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.left)], pattern[s.at:])
	s.at = (s.at + n) % len(pattern)
	s.left -= n
	return n, nil
}

func sizedPage(n int) ocr.Image {
	return ocr.Image{Size: int64(n), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(&pageSource{left: n}), nil
	}}
}

// sink is a server that accepts every page and answers at once.
func sink(b *testing.B) *httptest.Server {
	answer := []byte(`{"model":"m","choices":[{"message":{"content":"# Page"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
	}))
	b.Cleanup(s.Close)
	return s
}

// way sends one page.
type way func(img ocr.Image) error

func clientWay(b *testing.B, url string) way {
	c, err := ocr.New(ocr.Config{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	return func(img ocr.Image) error {
		_, err := c.ExtractText(context.Background(), img)
		return err
	}
}

type plainRequest struct {
	Model       string         `json:"model"`
	Messages    []plainMessage `json:"messages"`
	Temperature float64        `json:"temperature"`
	TopP        float64        `json:"top_p"`
	MaxTokens   int            `json:"max_tokens"`
}

type plainMessage struct {
	Role    string      `json:"role"`
	Content []plainPart `json:"content"`
}

type plainPart struct {
	Type     string            `json:"type"`
	ImageURL map[string]string `json:"image_url"`
}

func straightforwardWay(_ *testing.B, url string) way {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	return func(img ocr.Image) error {
		src, err := img.Open()
		if err != nil {
			return err
		}
		defer src.Close()
		data, err := io.ReadAll(src)
		if err != nil {
			return err
		}
		part := plainPart{
			"image_url", map[string]string{"url": "data:image/png;base64," + base64.StdEncoding.EncodeToString(data)}}
		body, err := json.Marshal(plainRequest{"m", []plainMessage{{"user", []plainPart{part}}}, 0.2, 0.9, 4096})
		if err != nil {
			return err
		}
		return post(client, url, bytes.NewReader(body), int64(len(body)))
	}
}

// bareBody encodes block by block: the least that streaming can do.
type bareBody struct {
	src      io.Reader
	raw, out []byte
	ready    []byte
}

func (l *bareBody) Read(p []byte) (int, error) {
	if len(l.ready) == 0 {
		n, err := io.ReadFull(l.src, l.raw)
		if n == 0 {
			return 0, err
		}
		base64.StdEncoding.Encode(l.out, l.raw[:n])
		l.ready = l.out[:base64.StdEncoding.EncodedLen(n)]
	}
	n := copy(p, l.ready)
	l.ready = l.ready[n:]
	return n, nil
}

func bareWay(_ *testing.B, url string) way {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	prefix := `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,`
	suffix := `"}}]}],"temperature":0.2,"top_p":0.9,"max_tokens":4096}`
	return func(img ocr.Image) error {
		src, err := img.Open()
		if err != nil {
			return err
		}
		defer src.Close()
		loop := &bareBody{src: src, raw: make([]byte, 24<<10), out: make([]byte, 32<<10)}
		length := len(prefix) + base64.StdEncoding.EncodedLen(int(img.Size)) + len(suffix)
		return post(client, url, io.MultiReader(strings.NewReader(prefix), loop, strings.NewReader(suffix)),
			int64(length))
	}
}

func post(client *http.Client, url string, body io.Reader, length int64) error {
	req, err := http.NewRequest(http.MethodPost, url+"/v1/chat/completions", body)
	if err != nil {
		return err
	}
	req.ContentLength = length
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return err
	}
	if len(answer.Choices) != 1 || answer.Choices[0].Message.Content != "# Page" {
		return fmt.Errorf("answer is %s", raw)
	}
	return nil
}

func BenchmarkWays(b *testing.B) {
	ways := []struct {
		name string
		make func(*testing.B, string) way
	}{{"client", clientWay}, {"bare", bareWay}, {"straightforward", straightforwardWay}}
	for _, load := range []struct {
		name        string
		size, calls int
	}{{"8x20MB", 20 << 20, 8}, {"1x0.5MB", 512 << 10, 1}} {
		for _, w := range ways {
			b.Run(load.name+"/"+w.name, func(b *testing.B) {
				send := w.make(b, sink(b).URL)
				atOnce(b, send, load.size, load.calls) // fills connections and pools
				peak := watchHeap()
				b.SetBytes(int64(load.size * load.calls))
				b.ReportAllocs()
				for b.Loop() {
					atOnce(b, send, load.size, load.calls)
				}
				b.ReportMetric(float64(peak())/1024, "peak-KB")
			})
		}
	}
}

func atOnce(b *testing.B, send way, size, calls int) {
	var all sync.WaitGroup
	for range calls {
		all.Go(func() {
			if err := send(sizedPage(size)); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
}

// watchHeap starts to measure the heap, and returns a function that stops it. The result is the peak growth in bytes,
// including dead objects that have not been collected yet.
func watchHeap() func() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() }
	runtime.GC()
	before := read()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := before
		for {
			select {
			case <-stop:
				peak <- most - before
				return
			default:
				most = max(most, read())
				time.Sleep(200 * time.Microsecond)
			}
		}
	}()
	return func() uint64 { close(stop); return <-peak }
}
