package render

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"
)

//go:embed temml/temml.min.js
var temml string

// call is how a formula is read: what Temml does not know is an error, and nothing in a formula may load, link or grow.
const call = `(tex, display) => temml.renderToString(tex,
	{displayMode: display, throwOnError: true, trust: false, maxSize: [50, 50], maxExpand: 300})`

const (
	maxFormula  = 4000                   // bytes of LaTeX
	formulaTime = 300 * time.Millisecond // for one; most take one or two
)

// maths reads LaTeX with Temml in an interpreter of JavaScript, one formula at a time. A formula that takes too long ends
// the interpreter, and the next one starts another.
type maths struct {
	mu      sync.Mutex
	program *goja.Program
	vm      *goja.Runtime
	call    goja.Callable
}

// mathML gives the MathML of a formula, as Temml writes it.
func (m *maths) mathML(tex string, display bool) (string, error) {
	if len(tex) > maxFormula {
		return "", errors.New("a formula of more than 4,000 bytes")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.vm == nil {
		if err := m.start(); err != nil {
			return "", fmt.Errorf("temml does not start: %w", err)
		}
	}
	limit := time.AfterFunc(formulaTime, func() { m.vm.Interrupt("too slow") })
	out, err := m.call(goja.Undefined(), m.vm.ToValue(tex), m.vm.ToValue(display))
	if stopped := limit.Stop(); !stopped || isInterrupt(err) {
		m.vm = nil
	}
	if err != nil {
		return "", err
	}
	return out.String(), nil
}

func isInterrupt(err error) bool {
	_, ok := errors.AsType[*goja.InterruptedError](err)
	return ok
}

func (m *maths) start() (err error) {
	if m.program == nil {
		if m.program, err = goja.Compile("temml.min.js", strings.TrimPrefix(temml, "\ufeff"), false); err != nil {
			return err
		}
	}
	vm := goja.New()
	vm.SetMaxCallStackSize(2000)
	if _, err := vm.RunProgram(m.program); err != nil {
		return err
	}
	f, err := vm.RunString(call)
	if err != nil {
		return err
	}
	m.vm = vm
	m.call, _ = goja.AssertFunction(f)
	return nil
}
