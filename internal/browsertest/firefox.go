package browsertest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/bucketocr/bucketocr/internal/tier"
)

// Firefox is a tab of Firefox, driven by WebDriver BiDi. Exceptions in the page fail the test when the tab is closed. A
// Firefox must not be used concurrently. It implements only the part of the protocol that the tests need, since there
// is no maintained library for it in Go.
type Firefox struct {
	tb      testing.TB
	conn    *websocket.Conn
	context string // the tab, in the protocol's terms
	last    int    // number of the last command
	trouble []string
}

// Keys for Firefox.Key, as the protocol's characters.
const (
	KeyEnter  = "\uE007"
	KeyEscape = "\uE00C"
	KeyDown   = "\uE015"
)

// quietStart sets preferences that keep a new profile from asking questions, updating and phoning home.
const quietStart = `user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("browser.newtabpage.enabled", false);
`

// NewFirefox starts Firefox with a fresh profile and one tab of the given size in pixels, for this test only. If
// Firefox is missing, the test fails.
func NewFirefox(tb testing.TB, width, height int) *Firefox {
	tb.Helper()
	tier.NeedIntegration(tb, "a browser")
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		path, err = exec.LookPath("firefox")
	}
	if err != nil {
		tb.Fatal("no Firefox: install it (Debian's package is firefox-esr)")
	}
	profile := tb.TempDir()
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(quietStart), 0o666); err != nil {
		tb.Fatal(err)
	}
	const origin = "http://127.0.0.1" // the only origin that may connect, which keeps out web pages in other browsers
	cmd := exec.Command(path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0",
		"--remote-allow-origins", origin, "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+profile, "MOZ_HEADLESS=1", "MOZ_CRASHREPORTER_DISABLE=1")
	cmd.WaitDelay = patience / 6
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	f := &Firefox{tb: tb}
	tb.Cleanup(func() {
		if f.conn != nil {
			f.report()
			_, _ = f.call("browser.close", struct{}{}) // it may exit before it responds
			_ = f.conn.Close()
		}
		stop := time.AfterFunc(patience/6, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		stop.Stop()
	})
	f.connect(origin, listening(tb, out))
	f.must("session.new", map[string]any{"capabilities": map[string]any{}}, nil)
	var tree struct{ Contexts []struct{ Context string } }
	f.must("browsingContext.getTree", struct{}{}, &tree)
	f.context = tree.Contexts[0].Context
	f.must("session.subscribe", map[string]any{"events": []string{"log.entryAdded"}}, nil)
	f.must("browsingContext.setViewport",
		map[string]any{"context": f.context, "viewport": map[string]int{"width": width, "height": height}}, nil)
	return f
}

// listening waits for the line with the browser's address, and keeps reading its output.
func listening(tb testing.TB, out io.Reader) string {
	tb.Helper()
	found := make(chan string, 1)
	go func() {
		defer close(found)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, at, ok := strings.Cut(lines.Text(), "WebDriver BiDi listening on "); ok {
				found <- at
			}
		}
	}()
	select {
	case at, ok := <-found:
		if ok {
			return at
		}
		tb.Fatal("Firefox exited")
	case <-time.After(patience):
		tb.Fatal("Firefox did not report its address")
	}
	return ""
}

func (f *Firefox) connect(origin, at string) {
	f.tb.Helper()
	var err error
	if f.conn, err = websocket.Dial(at+"/session", "", origin); err != nil {
		f.tb.Fatal(err)
	}
}

// answer is a message from the browser: the response to a command, or an event.
type answer struct {
	Type    string
	ID      int
	Method  string
	Error   string
	Message string
	Result  json.RawMessage
	Params  struct{ Level, Text string }
}

// call sends a command and waits for its response. Events that arrive before it are recorded.
func (f *Firefox) call(method string, params any) (json.RawMessage, error) {
	f.last++
	_ = f.conn.SetDeadline(time.Now().Add(patience))
	if err := websocket.JSON.Send(f.conn,
		map[string]any{"id": f.last, "method": method, "params": params}); err != nil {
		return nil, err
	}
	for {
		var a answer
		if err := websocket.JSON.Receive(f.conn, &a); err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		switch {
		case a.Type == "event":
			if a.Method == "log.entryAdded" && a.Params.Level == "error" {
				f.trouble = append(f.trouble, a.Params.Text)
			}
		case a.ID != f.last:
		case a.Type == "error":
			return nil, fmt.Errorf("%s: %s: %s", method, a.Error, a.Message)
		default:
			return a.Result, nil
		}
	}
}

func (f *Firefox) must(method string, params, result any) {
	f.tb.Helper()
	raw, err := f.call(method, params)
	if err == nil && result != nil {
		err = json.Unmarshal(raw, result)
	}
	if err != nil {
		f.tb.Fatal(err)
	}
}

func (f *Firefox) report() {
	for _, one := range f.trouble {
		f.tb.Errorf("in the page: %s", one)
	}
}

// Open loads an address.
func (f *Firefox) Open(url string) {
	f.tb.Helper()
	f.must("browsingContext.navigate", map[string]any{"context": f.context, "url": url, "wait": "complete"}, nil)
}

// Eval decodes the value of a JavaScript expression into value, awaiting promises.
func (f *Firefox) Eval(expression string, value any) {
	f.tb.Helper()
	var got struct {
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	f.must("script.evaluate", map[string]any{"target": map[string]string{"context": f.context}, "awaitPromise": true,
		"expression": "Promise.resolve(" + expression + ").then((v) => JSON.stringify(v ?? null))"}, &got)
	if got.ExceptionDetails.Text != "" {
		f.tb.Fatalf("%s: %s", expression, got.ExceptionDetails.Text)
	}
	if err := json.Unmarshal([]byte(got.Result.Value), value); err != nil {
		f.tb.Fatalf("%s: %v", expression, err)
	}
}

// Until waits until an expression is true. An expression that throws, for example because an element is missing, counts
// as false.
func (f *Firefox) Until(expression string) {
	f.tb.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(30 * time.Millisecond) {
		var why string
		f.Eval("(() => { try { return ("+expression+") ? '' : 'it is false' } catch (e) { return String(e) } })()",
			&why)
		if why == "" {
			return
		}
		if time.Now().After(late) {
			var shown string
			f.Eval("document.body.innerText", &shown)
			f.tb.Fatalf("condition not met: %s: %s\nthe page shows: %s", expression, why, shown)
		}
	}
}

// Click presses and releases the mouse on the first element of a selector.
func (f *Firefox) Click(selector string) {
	f.tb.Helper()
	quoted, _ := json.Marshal(selector)
	f.Until("document.querySelector(" + string(quoted) + ")?.checkVisibility()")
	var at [2]float64
	f.Eval("(() => { const r = document.querySelector("+string(quoted)+
		").getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()", &at)
	f.act("pointer", []map[string]any{
		{"type": "pointerMove", "x": int(at[0]), "y": int(at[1])}, {"type": "pointerDown", "button": 0},
		{"type": "pointerUp", "button": 0},
	})
}

// Key types keys in sequence: characters, or the constants.
func (f *Firefox) Key(keys ...string) {
	f.tb.Helper()
	var actions []map[string]any
	for _, k := range strings.Split(strings.Join(keys, ""), "") {
		actions = append(actions, map[string]any{"type": "keyDown", "value": k},
			map[string]any{"type": "keyUp", "value": k})
	}
	f.act("key", actions)
}

func (f *Firefox) act(kind string, actions []map[string]any) {
	f.tb.Helper()
	f.must("input.performActions",
		map[string]any{"context": f.context,
			"actions": []any{map[string]any{"type": kind, "id": kind, "actions": actions}}}, nil)
}
