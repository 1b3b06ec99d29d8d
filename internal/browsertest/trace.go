package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// Frame is the CPU time of the page's main thread between two frames. It does not include other load on the machine.
type Frame struct{ Script, Layout time.Duration }

// scripts and layouts list the outermost trace events of each kind.
var (
	scripts = []string{"FunctionCall", "EvaluateScript", "FireAnimationFrame", "EventDispatch", "TimerFire",
		"RunMicrotasks", "v8.callFunction"}
	layouts = []string{"UpdateLayoutTree", "Layout", "PrePaint", "Paint", "Layerize", "HitTest"}
)

// traceEvent is one event of a trace, in microseconds.
type traceEvent struct {
	Name     string  `json:"name"`
	Phase    string  `json:"ph"`
	Process  int     `json:"pid"`
	Thread   int     `json:"tid"`
	At       float64 `json:"ts"`
	Took     float64 `json:"dur"`
	Computed float64 `json:"tdur"`
}

func (e traceEvent) end() float64 { return e.At + e.Took }

// Trace records a trace during meanwhile, and returns the work of the page's main thread for each frame.
func (t *Tab) Trace(meanwhile func()) []Frame {
	t.tb.Helper()
	complete := make(chan struct{})
	var events []traceEvent
	listening, deaf := context.WithCancel(t.ctx)
	defer deaf()
	err := chromedp.Listen(listening, func(ev any) {
		switch ev := ev.(type) {
		case *tracing.EventDataCollected:
			for _, raw := range ev.Value {
				var e traceEvent
				if json.Unmarshal(raw, &e) == nil {
					events = append(events, e)
				}
			}
		case *tracing.EventTracingComplete:
			close(complete)
		}
	})
	if err == nil {
		_, err = chromedp.Call(t.ctx, tracing.Start, tracing.StartParams{TraceConfig: &tracing.TraceConfig{
			IncludedCategories: []string{"devtools.timeline", "disabled-by-default-devtools.timeline.frame",
				"devtools.timeline.frame", "v8"}, ExcludedCategories: []string{"*"},
		}})
	}
	if err != nil {
		t.tb.Fatal(err)
	}
	meanwhile()
	if _, err = chromedp.Call(t.ctx, tracing.End, cdp.Empty{}); err != nil {
		t.tb.Fatal(err)
	}
	select {
	case <-complete:
	case <-time.After(patience):
		t.tb.Fatal("the trace did not end")
	}
	return frames(events)
}

// frames sums up the work of the thread with the most script between the starts of frames. Nested events are counted
// once.
func frames(events []traceEvent) []Frame {
	type thread struct{ process, thread int }
	busy := map[thread]float64{}
	for _, e := range events {
		if slices.Contains(scripts, e.Name) {
			busy[thread{e.Process, e.Thread}] += e.Took
		}
	}
	var main thread
	for th, took := range busy {
		if took > busy[main] {
			main = th
		}
	}
	events = slices.DeleteFunc(events, func(e traceEvent) bool { return main != thread{e.Process, e.Thread} })
	slices.SortStableFunc(events, func(a, b traceEvent) int {
		switch {
		case a.At < b.At, a.At == b.At && a.Took > b.Took:
			return -1
		}
		return 1
	})
	var list []Frame
	var scriptEnds, layoutEnds float64
	for _, e := range events {
		took := time.Duration(e.Computed * 1000)
		switch {
		case e.Name == "BeginMainThreadFrame":
			list = append(list, Frame{})
		case len(list) == 0:
		case slices.Contains(scripts, e.Name) && e.At >= scriptEnds:
			scriptEnds = e.end()
			list[len(list)-1].Script += took
		case slices.Contains(layouts, e.Name) && e.At >= layoutEnds:
			layoutEnds = e.end()
			if e.At < scriptEnds { // a script asked for it
				list[len(list)-1].Script -= took
			}
			list[len(list)-1].Layout += took
		}
	}
	return list
}

// OnNewPage runs a script in each page before the page's own scripts.
func (t *Tab) OnNewPage(script string) {
	t.tb.Helper()
	if _, err := chromedp.Call(t.ctx, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		t.tb.Fatal(err)
	}
}

// Memory returns the memory of a page after garbage collection, in bytes: JavaScript's heap, and the private memory of
// the renderer's process.
func (t *Tab) Memory() (heap, process int64) {
	t.tb.Helper()
	_, err := chromedp.Call(t.ctx, heapprofiler.CollectGarbage, cdp.Empty{})
	if err != nil {
		t.tb.Fatal(err)
	}
	used, err := chromedp.Call(t.ctx, runtime.GetHeapUsage, cdp.Empty{})
	if err != nil {
		t.tb.Fatal(err)
	}
	all, err := chromedp.CallBrowser(t.ctx, systeminfo.GetProcessInfo, cdp.Empty{})
	if err != nil {
		t.tb.Fatal(err)
	}
	for _, p := range all.ProcessInfo {
		if p.Type == "renderer" {
			process = max(process, private(p.ID))
		}
	}
	return int64(used.UsedSize), process
}

// private returns the private memory of a process in bytes, or 0 if the system does not report it.
func private(pid int64) (n int64) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(b)) {
		var kib int64
		if name, rest, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(name, "Private_") {
			_, _ = fmt.Sscan(rest, &kib)
			n += kib << 10
		}
	}
	return n
}
