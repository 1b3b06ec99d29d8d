// Package browsertest drives headless browsers in tests of web pages: Chromium, and Firefox for the main features.
//
// Files, in reading order:
//
//	firefox.go  Firefox
//	trace.go    Chromium's figures about frames and memory
//	browser.go  Chromium
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/tier"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is the time within which a page must reach the state that a test expects: long, since a busy machine may be
// slow, and only a failing test waits that long.
const patience = 3 * time.Minute

// Tab is a browser tab. Exceptions in the page and violations of its policy fail the test when the tab is closed,
// unless they are allowed; error responses of the server do not. A Tab must not be used concurrently.
type Tab struct {
	tb      testing.TB
	ctx     context.Context
	media   emulation.SetEmulatedMediaParams
	mu      sync.Mutex
	trouble []string
	allowed []string
}

// New starts a browser with a fresh profile and one tab, for this test only. If Chromium is missing, the test fails.
func New(tb testing.TB, width, height int64) *Tab {
	tb.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program(tb)), chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.UserDataDir(tb.TempDir()), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	ctx, end := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, stop := chromedp.NewContext(ctx)
	t := &Tab{tb: tb, ctx: ctx}
	tb.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the process, which would otherwise keep writing to the profile
		stop()
		end()
		t.report()
	})
	// starts the browser, which must happen under this context
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		tb.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled,
		emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		tb.Fatal(err) // without this, a page without a window gets no focus events
	}
	go t.listen()
	t.Allow("Failed to load resource")
	return t
}

func program(tb testing.TB) string {
	tb.Helper()
	tier.NeedIntegration(tb, "a browser")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	tb.Fatal("no Chromium: install it (Debian's package is chromium)")
	return ""
}

// listen records errors in the page until the tab is closed.
func (t *Tab) listen() {
	for m, err := range chromedp.Console(t.ctx) {
		if err != nil {
			return
		}
		if m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleError {
			t.mu.Lock()
			t.trouble = append(t.trouble, m.Text)
			t.mu.Unlock()
		}
	}
}

// Allow ignores errors that contain this text.
func (t *Tab) Allow(text string) { t.allowed = append(t.allowed, text) }

func (t *Tab) report() {
	t.mu.Lock()
	defer t.mu.Unlock()
next:
	for _, one := range t.trouble {
		for _, text := range t.allowed {
			if strings.Contains(one, text) {
				continue next
			}
		}
		t.tb.Errorf("in the page: %s", one)
	}
}

// Do performs steps in sequence.
func (t *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.tb.Fatalf("%v\n%s", err, t.shown())
	}
}

// Open loads an address.
func (t *Tab) Open(url string) { t.tb.Helper(); t.Do(chromedp.Navigate(url)) }

// Click clicks on the first visible element of a selector.
func (t *Tab) Click(selector string) {
	t.tb.Helper()
	t.Do(chromedp.Click(chromedp.CSS(selector)))
}

// Key types keys in sequence: see the constants of chromedp's package kb.
func (t *Tab) Key(keys ...string) {
	t.tb.Helper()
	for _, k := range keys {
		t.Do(chromedp.KeyEvent(k))
	}
}

// Eval returns the value of a JavaScript expression, awaiting promises.
func Eval[T any](t *Tab, expression string) T {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.tb.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Until waits until an expression is true. An expression that throws, for example because an element is missing, counts
// as false.
func (t *Tab) Until(expression string) {
	t.tb.Helper()
	holds := "(() => { try { return (" + expression + ") ? '' : 'it is false' } catch (e) { return String(e) } })()"
	for late := time.Now().Add(patience); ; time.Sleep(30 * time.Millisecond) {
		why := Eval[string](t, holds)
		if why == "" {
			return
		}
		if time.Now().After(late) {
			t.tb.Fatalf("condition not met: %s: %s\n%s", expression, why, t.shown())
		}
	}
}

// shown returns the text on the page, for failed tests.
func (t *Tab) shown() string {
	ctx, cancel := context.WithTimeout(t.ctx, patience/18)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return "cannot read the page: " + err.Error()
	}
	return "the page shows: " + text
}

// Scheme selects the light or dark scheme.
func (t *Tab) Scheme(scheme string) {
	t.tb.Helper()
	t.media.Features = []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	t.emulate()
}

// Medium lays the page out for a medium: "print" or "screen".
func (t *Tab) Medium(name string) {
	t.tb.Helper()
	t.media.Media = name
	t.emulate()
}

func (t *Tab) emulate() {
	t.tb.Helper()
	_, err := chromedp.Call(t.ctx, emulation.SetEmulatedMedia, t.media)
	if err != nil {
		t.tb.Fatal(err)
	}
}

// Size sets the size of the tab in pixels.
func (t *Tab) Size(width, height int64) { t.tb.Helper(); t.Do(chromedp.EmulateViewport(width, height)) }

// Touch makes the tab behave like one on a phone, with touch and no mouse.
func (t *Tab) Touch() {
	t.tb.Helper()
	_, err := chromedp.Call(t.ctx, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 844, DeviceScaleFactor: 2, Mobile: true})
	if err == nil {
		_, err = chromedp.Call(t.ctx, emulation.SetTouchEmulationEnabled,
			emulation.SetTouchEmulationEnabledParams{Enabled: true, MaxTouchPoints: 5})
	}
	if err != nil {
		t.tb.Fatal(err)
	}
}

// Shot writes a screenshot to a PNG file.
func (t *Tab) Shot(path string) {
	t.tb.Helper()
	b, err := chromedp.Run(t.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(path, b, 0o666)
	}
	if err != nil {
		t.tb.Fatal(err)
	}
}
