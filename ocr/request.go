package ocr

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// TokenFunc returns an ID token for the audience. It is called before every try, often by several goroutines at once,
// so it should cache tokens while they are valid. It must return when ctx ends, after 10 s at most; otherwise it is
// abandoned.
type TokenFunc func(ctx context.Context, audience string) (string, error)

// server holds the address of the server and the settings for requests to it.
type server struct {
	cfg  Config // with defaults applied
	base string // URL without a trailing slash
	http *http.Client

	refused atomic.Uint32 // fields that the server rejected by name, which are no longer sent
}

// tokenLimit limits the duration of a TokenFunc, which does not count towards Config.Timeout: a metadata server answers
// within milliseconds or hangs.
const tokenLimit = 10 * time.Second

var errTokenLimit = fmt.Errorf("no token after %v", tokenLimit)

// authorize obtains the credentials for the next request. It abandons a token function that ignores its context. A
// panic in it is turned into an error, since it would otherwise end the process from a goroutine that no caller can
// recover.
func (s *server) authorize(ctx context.Context) (credentials, error) {
	if s.cfg.Token == nil {
		return credentials{key: s.cfg.APIKey}, nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, tokenLimit, errTokenLimit)
	defer cancel()
	token, err := await(limited, func() (_ string, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("the token function panicked: %v", p)
			}
		}()
		return s.cfg.Token(limited, s.cfg.Audience)
	}, func(string) {})
	switch {
	case err != nil && ctx.Err() != nil:
		return credentials{}, canceled(ctx, PhaseToken)
	case err == nil && (token == "" || strings.ContainsFunc(token, notInHeader)):
		err = errors.New("the token function returned nothing that a header can carry")
	}
	if err != nil {
		return credentials{}, causeError(KindToken, PhaseToken, err)
	}
	return credentials{token: token, key: s.cfg.APIKey}, nil
}

// await returns the result of f, or the context's error if it ends first. In that case f is abandoned, and its result
// is passed to discard if it has no error.
func await[T any](ctx context.Context, f func() (T, error), discard func(T)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	got := make(chan outcome)
	go func() {
		value, err := f()
		select {
		case got <- outcome{value, err}:
		case <-ctx.Done():
			if err == nil {
				discard(value)
			}
		}
	}()
	select {
	case o := <-got:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("%w: %w", context.Cause(ctx), ctx.Err())
	}
}

// notInHeader reports whether r is not allowed in a token or key.
func notInHeader(r rune) bool { return r <= ' ' || r >= 0x7f }

// addHeader adds the caller's headers, except those that belong to the client.
func (s *server) addHeader(ctx context.Context, h http.Header) {
	if s.cfg.Header == nil {
		return
	}
	s.cfg.Header(ctx, h)
	for name := range h { // in any case, since the caller can write to the map directly
		if strings.EqualFold(name, authorization) || strings.EqualFold(name, serverlessAuthorization) ||
			strings.EqualFold(name, "Content-Type") {
			delete(h, name)
		}
	}
}

const (
	authorization           = "Authorization"
	serverlessAuthorization = "X-Serverless-Authorization"
)

// credentials are the credentials for one request.
type credentials struct{ token, key string }

// apply sets the headers. It replaces existing values, since a request with two tokens is refused.
func (a credentials) apply(h http.Header) {
	name := authorization
	if a.key != "" {
		h.Set(authorization, "Bearer "+a.key)
		name = serverlessAuthorization
	}
	if a.token != "" {
		h.Set(name, "Bearer "+a.token)
	}
}

// hide replaces the secrets in a text that a server has echoed.
func (a credentials) hide(text string) string {
	for _, secret := range []string{a.token, a.key} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return text
}

// question holds the parameters of a try other than the image. They can differ between the tries of one call.
type question struct {
	target      *target
	temperature float64
	maxTokens   int // 0 means the profile's; the context may leave less
	layout      bool
	undetected  bool   // without the server's own detection of loops
	begun       string // the text that the answer is to continue; empty for a new answer
	omitted     fields // rejected by the server
	prompt      int    // tokens in the prompt, as counted in an earlier answer; 0 if unknown
}

// target is the model that requests are addressed to.
type target struct {
	model   string
	profile Profile
	limit   int // the context stated by the server, in tokens; 0 if unknown
}

// context returns the size of prompt and answer together, in tokens; 0 if unknown.
func (t *target) context() int { return cmp.Or(t.limit, t.profile.Context) }

// promptTokens is an upper bound of the prompt's tokens other than the image, and of those that vLLM counts before it
// processes the image.
const promptTokens = 64

// answerLimit returns max_tokens: the question's limit, or less if the context does not leave that much beside an image
// of this size. vLLM lowers max_tokens by itself, but refuses values that exceed the whole context; SGLang refuses
// both.
func (q question) answerLimit(width, height int64) int {
	size := q.target.context()
	if size == 0 {
		return q.maxTokens
	}
	prompt := cmp.Or(q.prompt, q.target.profile.imageTokens(width, height)+promptTokens)
	return max(1, min(q.maxTokens, size-prompt))
}

// fields is a set of optional request fields. Most servers ignore fields that they do not know, but a server with
// strict checks, a gateway, or a vLLM whose operator has switched the loop detection off (vllm-project/vllm#46700)
// refuses the request and names them.
type fields uint32

const (
	fieldDetection fields = 1 << iota
	fieldTemplate
	fieldContinue // for a further message whose text is to be continued; without it the question makes no sense
)

// optional maps the fields to the names that servers use in refusals, in lower case.
var optional = []struct {
	field fields
	names []string
}{
	{fieldDetection, []string{"repetition_detection", "max_pattern_size"}},
	{fieldTemplate, []string{"chat_template_kwargs", "enable_thinking"}},
	{fieldContinue, []string{"continue_final_message", "add_generation_prompt"}},
}

// sent returns the optional fields in the request.
func (q question) sent() fields {
	var sent fields
	if !q.undetected {
		sent |= fieldDetection
	}
	if q.target.profile.NoThinking {
		sent |= fieldTemplate
	}
	sent &^= q.omitted
	if q.begun != "" {
		sent |= fieldContinue
	}
	return sent
}

// envelope returns the JSON before and after the base64 of the image: one user message with one image and, in layout
// mode only, one word. No model of the family was trained on other words. A text to be continued follows as the model's
// own message, which vLLM and llama-server leave open if two fields say so.
func envelope(mediaType string, q question) (prefix, suffix []byte) {
	model, _ := json.Marshal(q.target.model) // cannot fail for a string
	grounding, begun, detection, thinking := "", "]", "", ""
	if q.layout {
		grounding = `,{"type":"text","text":"grounding"}`
	}
	if q.sent()&fieldDetection != 0 {
		detection = fmt.Sprintf(`,"repetition_detection":{"max_pattern_size":%d,"min_pattern_size":%d,"min_count":%d}`,
			repetitionPattern(q.maxTokens), repetitionMinPattern, repetitionMinCount)
	}
	if q.sent()&fieldTemplate != 0 {
		thinking = `,"chat_template_kwargs":{"enable_thinking":false}`
	}
	if q.begun != "" {
		text, _ := json.Marshal(q.begun)
		begun = fmt.Sprintf(
			`,{"role":"assistant","content":%s}],"add_generation_prompt":false,"continue_final_message":true`, text)
	}
	prefix = fmt.Appendf(nil,
		`{"model":%s,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:%s;base64,`,
		model, mediaType)
	suffix = fmt.Appendf(nil, `"}}%s]}%s,"temperature":%v,"top_p":%v,"max_tokens":%d,"stream":false%s%s}`,
		grounding, begun, q.temperature, q.target.profile.TopP, q.maxTokens, detection, thinking)
	return prefix, suffix
}

// These make vLLM stop when the text ends in repetitionMinCount equal copies of at most repetitionPattern tokens. Most
// servers that do not know the field ignore it.
//
// The detection only saves GPU time, since the client examines the text anyway, and the text that the server cuts off
// is lost, so it must not stop honest pages. Paper can hold surprisingly many equal pieces: leaders of 78 spaced dots
// on a line of LaTeX, 113 on a wide one and 161 across A4 landscape, a form of 128 empty rows. Of 204 honest pages, 100
// copies of up to 40 tokens stop nine, 130 copies of up to 30 tokens stop one (198 times the word Ja), and 200 copies
// of up to 20 tokens stop none; of 160 loops that ran to 4096 tokens they stop 99, 97 and 87. So 130 copies cost 5 %
// more tokens on loops than 100. An honest page that is still stopped is read by a try without the field.
const (
	repetitionMinPattern = 1
	repetitionMaxPattern = 30
	repetitionMinCount   = 130
	repetitionMeasured   = 4096 // length of the answers with which these were measured, in tokens

	// repetitionWork is the work, patterns times copies, that a vLLM with the limits of vllm-project/vllm#46700 is
	// certain to accept for each token of an answer. Its other limits, patterns of 2048 tokens and 1000 copies, are not
	// reached.
	repetitionWork = 10240
)

// repetitionPattern returns the longest pattern for answers of up to maxTokens tokens. Longer answers have room for
// enough copies of a longer pattern before max_tokens ends the loop.
func repetitionPattern(maxTokens int) int {
	if maxTokens <= repetitionMeasured {
		return repetitionMaxPattern
	}
	return min(maxTokens/repetitionMinCount, repetitionWork/repetitionMinCount)
}

// maxBody is Cloud Run's limit for HTTP/1 request bodies, in bytes; a larger one is refused unread. Source: Cloud Run
// quotas. It admits an image of about 24 MiB.
const maxBody = 32 << 20

// Image is the image of one page: an upright PNG or JPEG. It is read as a stream and never buffered whole.
type Image struct {
	// Size is the exact number of bytes that the reader returns; any other number makes the call fail.
	Size int64
	// Open returns a reader of the image from its first byte. It is called once per try, by the goroutine that called
	// ExtractText, which also reads the first block; another goroutine reads the rest up to io.EOF and closes the
	// reader. Errors of the reader are wrapped. An error at the very end, such as a checksum mismatch, counts too: an
	// answer that has already arrived is discarded. When the context or a time-out ends the call, a Read may still be
	// in progress; the reader is closed once it returns.
	Open func() (io.ReadCloser, error)

	// Ink is the share of the page that is print rather than paper, from 0 to 1, as measured by the caller; 0 if not
	// measured. A few words have at least InkOfPrint, dust and noise less, and a full page about 0.1 to 0.9.
	Ink float64
	// Look, if not nil, examines the page when an answer is doubtful. It is called by the goroutine that called
	// ExtractText, at most once per call, and never for a page whose first answer is good. If it fails, the answer is
	// judged without it.
	Look func(ctx context.Context) (Look, error)

	err error // the reason why Size is unknown
}

// Look is the result of examining a page without reading it.
type Look struct {
	Ink float64 // like Image.Ink
	// Turns lists the rotations that may make the page upright, the likeliest first: 90 and 270 if its lines seem to
	// run sideways, then 180, which cannot be detected. It is empty if the page has no print.
	Turns []Turn
}

// Turn is a rotation of a page.
type Turn struct {
	Degrees int // clockwise: 90, 180 or 270
	// Make returns the rotated page. It is called at most once, only for a rotation that is tried, by the goroutine
	// that called ExtractText. The Image should have its Ink set, and no Look.
	Make func(ctx context.Context) (Image, error)
}

// Bytes returns an Image that reads b, which must not change while a call uses it.
func Bytes(b []byte) Image {
	return Image{Size: int64(len(b)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

// File returns an Image that reads a file. The file is opened for every try, and must not change while a call uses the
// Image. File itself only determines the size; if that fails, the call returns the error with KindImageSource.
func File(path string) Image {
	open := func() (io.ReadCloser, error) { return os.Open(path) }
	info, err := os.Stat(path)
	if err != nil {
		return Image{Open: open, err: err}
	}
	return Image{Size: info.Size(), Open: open}
}

// check returns an error for an image that no server would accept, before anything is opened.
func (img Image) check() error {
	switch {
	case img.err != nil:
		return causeError(KindImageSource, PhaseImage, img.err)
	case img.Size <= 0:
		return imageError(KindBadImage, "the image holds no bytes")
	case img.Open == nil:
		return causeError(KindImageSource, PhaseImage, errors.New("Image.Open is missing"))
	case img.Size > maxBody, base64.StdEncoding.EncodedLen(int(img.Size)) > maxBody:
		return tooLarge(img.Size)
	}
	return nil
}

func tooLarge(size int64) error {
	return imageError(KindTooLarge, "an image of %d bytes makes a request beyond the %d bytes that the platform takes",
		size, maxBody)
}

// imageError returns the error for an image that this package itself refuses.
func imageError(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Phase: PhaseImage, Message: fmt.Sprintf(format, args...)}
}

// blockSize is the number of bytes of the image that are read at a time: a multiple of 3, so that only the last block
// is padded, whose base64 fills the 32 KiB buffer with which net/http copies.
const blockSize = 24 << 10

// block is a piece of the image and its base64.
type block struct {
	image [blockSize]byte
	text  [blockSize / 3 * 4]byte
}

var blocks = sync.Pool{New: func() any { return new(block) }}

var errAbandoned = errors.New("the try is over")

// body is the request body as a stream: prefix, the image in base64, suffix. net/http reads and closes it in a
// goroutine that can outlive the call, so the call must use its methods and atomic fields to query it.
type body struct {
	size           int64 // of the image
	prefix, length int64 // of the JSON before the image, and of the whole body

	inRead    sync.Mutex // guards the fields below, up to isClosed
	src       io.ReadCloser
	left      int64 // image bytes not yet read from src
	block     *block
	image     []byte // part of block that is not encoded yet
	pending   []byte // ready to be returned: prefix, base64 of block, or suffix
	suffix    []byte // until it is pending
	isClosed  bool
	closed    chan struct{}
	abandoned atomic.Bool           // keeps a late Read away from the source
	handed    atomic.Int64          // bytes returned
	failure   atomic.Pointer[error] // an error of the image's reader, or about its length
}

// openBody opens the image and reads its first block. The caller must call wrap before sending the body, and must close
// it in any case.
func openBody(img Image) (*body, error) {
	src, err := img.Open()
	if err != nil {
		return nil, causeError(KindImageSource, PhaseImage, err)
	}
	b := &body{src: src, size: img.Size, left: img.Size, block: blocks.Get().(*block), closed: make(chan struct{})}
	if err := b.fill(); err != nil {
		b.Close()
		return nil, causeError(KindImageSource, PhaseImage, err)
	}
	return b, nil
}

// wrap puts the JSON around the image.
func (b *body) wrap(q question) error {
	media, err := mediaType(b.image)
	if err != nil {
		return err
	}
	q.maxTokens = q.answerLimit(imageSize(b.image))
	b.enclose(envelope(media, q))
	if b.length > maxBody {
		return tooLarge(b.size)
	}
	return nil
}

func (b *body) enclose(prefix, suffix []byte) {
	b.pending, b.suffix, b.prefix = prefix, suffix, int64(len(prefix))
	b.length = b.prefix + int64(base64.StdEncoding.EncodedLen(int(b.size))+len(suffix))
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.inRead.Lock()
	defer b.endRead()
	if b.abandoned.Load() {
		return 0, errAbandoned
	}
	if err := b.sourceError(); err != nil {
		return 0, err
	}
	n := 0
	for n < len(p) {
		if len(b.pending) == 0 {
			if err := b.advance(); err != nil {
				return n, err
			}
		}
		k := copy(p[n:], b.pending)
		b.pending = b.pending[k:]
		b.handed.Add(int64(k))
		n += k
	}
	return n, nil
}

// endRead unlocks b, and then closes the source if Close left that to it. The order matters: Close does so only after
// abandoning.
func (b *body) endRead() {
	b.inRead.Unlock()
	if b.abandoned.Load() {
		b.Close()
	}
}

// advance makes more data pending, or returns io.EOF or the error of the source.
func (b *body) advance() error {
	if len(b.image) == 0 && b.left > 0 {
		if err := b.fill(); err != nil {
			failed := err // if err itself escaped, every block would cost an allocation
			b.failure.Store(&failed)
			return err
		}
	}
	switch {
	case len(b.image) > 0:
		b.pending = b.block.text[:base64.StdEncoding.EncodedLen(len(b.image))]
		encodeBase64(b.pending, b.image)
		b.image = nil
	case b.suffix != nil:
		b.pending, b.suffix = b.suffix, nil
	default:
		return io.EOF
	}
	return nil
}

// fill reads the next block from the source. After the last block it verifies that the source ends, so that an error at
// the end, such as a checksum mismatch, is known before the last byte is sent. A panic in the source is turned into an
// error, since no caller can recover it in net/http's goroutine.
func (b *body) fill() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the image's reader panicked: %v", p)
		}
	}()
	n, err := io.ReadFull(b.src, b.block.image[:min(b.left, blockSize)])
	b.left -= int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("the image ended %d bytes before its stated size: %w", b.left, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return err
	}
	b.image = b.block.image[:n]
	if b.left > 0 {
		return nil
	}
	var more [1]byte
	for range 100 {
		switch n, err := b.src.Read(more[:]); {
		case n > 0:
			return errors.New("the image is longer than its stated size")
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// Close implements io.Closer. It may be called more than once, and during a Read, which then closes the source when it
// returns: not every source allows both concurrently.
func (b *body) Close() error {
	b.abandoned.Store(true)
	if !b.inRead.TryLock() {
		return nil
	}
	defer b.inRead.Unlock()
	if !b.isClosed {
		b.isClosed = true
		b.src.Close()
		blocks.Put(b.block)
		close(b.closed)
	}
	return nil
}

// sourceError returns the source's error, or nil if there has been none.
func (b *body) sourceError() error {
	if failed := b.failure.Load(); failed != nil {
		return *failed
	}
	return nil
}

// whole reports whether the whole body has been returned.
func (b *body) whole() bool { return b.handed.Load() == b.length }

// imageSent returns the number of bytes of the image that have been returned.
func (b *body) imageSent() int64 { return min(max(b.handed.Load()-b.prefix, 0)/4*3, b.size) }

// maxPixels is the limit of the server's image library (Pillow, twice its warning level). Beyond it vLLM responds with
// a 500 that cannot be distinguished from a failing GPU, so such images are refused here.
const maxPixels = 178_956_970

// mediaType detects the type from the first bytes; it never assumes JPEG by default. Other formats are refused although
// vLLM supports some: llama-server and Ollama do not, and only the first page of a TIFF or GIF would be read, silently.
func mediaType(head []byte) (string, error) {
	switch {
	case isPNG(head):
		return "image/png", checkPixels(imageSize(head))
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		if o := jpegOrientation(head); o > 1 {
			return "", imageError(KindBadImage,
				"the image is not upright: its Exif orientation is %d, which servers heed or ignore by their version; turn its pixels",
				o)
		}
		return "image/jpeg", checkPixels(imageSize(head))
	}
	return "", imageError(KindBadImage, "the image is neither PNG nor JPEG")
}

func isPNG(head []byte) bool { return bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")) }

// imageSize returns the dimensions of a PNG or JPEG from its first bytes; 0, 0 if they are not there.
func imageSize(head []byte) (width, height int64) {
	if isPNG(head) {
		return pngSize(head)
	}
	return jpegSize(head)
}

func checkPixels(width, height int64) error {
	if width > 0 && height > maxPixels/width { // the product may overflow
		return imageError(KindTooLarge, "%d×%d pixels are more than the %d that the server reads", width, height,
			maxPixels)
	}
	return nil
}

// pngSize returns the dimensions in the header chunk, which always comes first; 0, 0 if it is cut off.
func pngSize(head []byte) (width, height int64) {
	if len(head) < 24 {
		return 0, 0
	}
	return int64(binary.BigEndian.Uint32(head[16:])), int64(binary.BigEndian.Uint32(head[20:]))
}

// jpegSize returns the dimensions in the frame header; 0, 0 if it lies beyond head, as after a large colour profile or
// preview.
func jpegSize(head []byte) (width, height int64) {
	for at := 2; at+9 <= len(head) && head[at] == 0xff; {
		marker := head[at+1]
		switch {
		case marker == 0xff: // fill byte
			at++
			continue
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			return int64(binary.BigEndian.Uint16(head[at+7:])), int64(binary.BigEndian.Uint16(head[at+5:]))
		}
		at += 2 + int(binary.BigEndian.Uint16(head[at+2:]))
	}
	return 0, 0
}

// jpegOrientation returns the orientation in the first Exif segment, 1 for upright; 0 if head has none.
func jpegOrientation(head []byte) int {
	const app1, scan = 0xe1, 0xda
	for at := 2; at+4 <= len(head) && head[at] == 0xff; {
		marker := head[at+1]
		if marker == 0xff { // fill byte
			at++
			continue
		}
		end := at + 2 + int(binary.BigEndian.Uint16(head[at+2:]))
		if block, ok := bytes.CutPrefix(head[at+4:min(max(end, at+4), len(head))],
			[]byte("Exif\x00\x00")); marker == app1 && ok {
			return exifOrientation(block)
		}
		if marker == scan || end < at+4 { // image data, or not a segment
			return 0
		}
		at = end
	}
	return 0
}

// exifOrientation returns the orientation in the first directory of an Exif block, which is a TIFF; 0 if there is no
// valid one.
func exifOrientation(b []byte) int {
	const tag, short = 0x0112, 3
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(b, []byte("MM\x00*")):
		order = binary.BigEndian
	case !bytes.HasPrefix(b, []byte("II*\x00")):
		return 0
	}
	if len(b) < 8 {
		return 0
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 0
	}
	entries := b[at+2:]
	for range order.Uint16(b[at:]) {
		if len(entries) < 12 {
			return 0
		}
		if o := order.Uint16(entries[8:]); order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short &&
			o <= 8 {
			return int(o)
		}
		entries = entries[12:]
	}
	return 0
}

// base64Pairs maps twelve bits to two base64 characters, the first in the low byte.
var base64Pairs = func() (t [1 << 12]uint16) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range t {
		t[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&63])<<8
	}
	return t
}()

// encodeBase64 is equivalent to base64.StdEncoding.Encode, which accounts for most of a page's CPU time, but twice as
// fast: it handles six bytes at a time, and twelve bits per look-up.
func encodeBase64(dst, src []byte) {
	for len(src) >= 8 && len(dst) >= 8 {
		v := binary.BigEndian.Uint64(src)
		binary.LittleEndian.PutUint64(dst, uint64(base64Pairs[v>>52])|uint64(base64Pairs[v>>40&0xfff])<<16|
			uint64(base64Pairs[v>>28&0xfff])<<32|uint64(base64Pairs[v>>16&0xfff])<<48)
		src, dst = src[6:], dst[8:]
	}
	base64.StdEncoding.Encode(dst, src)
}
