//go:build integration

package ui

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"

	"github.com/bucketocr/bucketocr/internal/browsertest"
)

// watchPolicy is JavaScript that keeps what the page's policy refuses from then on.
const watchPolicy = `(window.refused = [], document.addEventListener('securitypolicyviolation', (e) => window.refused.push(e.violatedDirective + ' ' + e.blockedURI)), null)`

// settled is true when every formula of the text is either MathML or left as it is written.
const settled = `document.querySelector('.reading') && !document.querySelector('.reading code.formula:not(.unread)')`

// openWatched opens a document on a page that keeps what its policy refuses.
func (d *desk) openWatched(tab *browsertest.Tab, url, id string) {
	d.t.Helper()
	tab.Open(url)
	browsertest.Eval[any](tab, watchPolicy)
	d.known(id)
	browsertest.Eval[any](tab, `(location.hash = '`+id+`', null)`)
}

// nothingRefused fails where the page's policy had to refuse anything.
func nothingRefused(t *testing.T, tab *browsertest.Tab) {
	t.Helper()
	if refused := browsertest.Eval[[]string](tab, `window.refused`); len(refused) > 0 {
		t.Errorf("the policy refused %q", refused)
	}
}

// TestFormulasBecomeMathML: formulas within lines, in lines of their own and in cells are shown as MathML, one that
// cannot be read as it is written, and what a new reading of the document brings likewise.
func TestFormulasBecomeMathML(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.write("a.png",
		text("so $a_1<b$ holds\n\n$$\nE=mc^2\n$$\n\n<table><tr><td>\\(\\sqrt{x}\\) for $5</td></tr></table>\n\nbut $\\nosuch{x}$"))
	tab := browsertest.New(t, 1200, 800)
	d.openWatched(tab, d.url, id)
	tab.Until(settled + ` && document.querySelectorAll('.reading math').length === 3`)
	for selector, want := range map[string]string{
		`.reading p math:not([display]) msub`: "a1", `.reading p math[display="block"] msup`: "c2",
		`.reading td math msqrt`: "x",
		`.reading td`:            "x for $5", `.reading code.unread`: `$\nosuch{x}$`,
	} {
		if got := browsertest.Eval[string](tab,
			"document.querySelector(`"+selector+"`)?.textContent ?? ''"); got != want {
			t.Errorf("%s is %q", selector, got)
		}
	}
	d.write("a.png", func(r *document.Record) { r.Text = `now $\frac{a}{b}$ and $\nosuch$` })
	tab.Until(settled + ` && document.querySelector('.reading math mfrac') && document.querySelector('.reading .unread').textContent === '$\\nosuch$'`)
	d.write("a.png", func(r *document.Record) {
		r.Text, r.TextInPages = "", true
	}, document.Page{Page: 1, Text: "$x^3$",
		Blocks: []document.Block{{Label: "formula", Box: [4]int{100, 100, 200, 200}, Text: "$x^3$"}}})
	tab.Until(`document.querySelector('.reading .block math msup')`)
	nothingRefused(t, tab)
}

// TestHostileFormulas: whatever a formula holds, only MathML of a short list comes into the page, nothing is loaded,
// and the page lives on. Those that are more than a formula are shown as they are written.
func TestHostileFormulas(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tab := browsertest.New(t, 1200, 800)
	d.openWatched(tab, d.url, d.write("a.png", text("x")))
	nested := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	for _, c := range []struct {
		name, tex string
		asWritten bool
	}{
		{"script link", `\href{javascript:alert(1)}{x}`, true},
		{"link", `\url{http://evil.example/}`, true},
		{"data attribute", `\htmlData{x=y}{x}`, true},
		{"class", `\class{bar}{x}`, true},
		{"id", `\id{list}{x}`, true},
		{"style", `\style{background:url(http://evil.example/)}{x}`, true},
		{"picture", `\includegraphics{http://evil.example/x.png}`, true},
		{"reference", `\label{a}x\ref{a}`, true},
		{"tags in text", `\text{<img src=x onerror=alert(1)><script>alert(1)</script>}`, false},
		{"colour", `\color{red}x\colorbox{red}{y}`, false},
		{"names of JavaScript", `\constructor\__proto__`, true},
		{"huge sizes", `\rule{9999999em}{9999999em}\hspace{-9999em}\raisebox{-9999em}{x}`, false},
		{"endless macro", `\def\a{\a\a}\a`, true},
		{"macro bomb", `\def\b{` + strings.Repeat("x", 3300) + `}` + strings.Repeat(`\b`, 290), true},
		{"bomb of arguments", `\newcommand\a[1]{` + strings.Repeat("#1", 30) + `}\a{` + strings.Repeat("x", 3000) + `}`,
			true},
		{"deep groups", nested("{", "x", "}", 1900), true},
		{"deep roots", nested(`\sqrt{`, "x", "}", 550), true},
		{"deep fractions", nested(`\frac{`, "x", "}{y}", 300), true},
		{"deep tables", nested(`\begin{matrix}`, "x", `\end{matrix}`, 140), true},
		{"tables as deep as may be", nested(`\begin{matrix}`, "x", `\end{matrix}`, 32), false},
		{"delimiters as deep as may be", nested(`\left(\frac{`, "x", `}{y}\right)`, 40), false},
		{"braces as deep as may be", nested(`\overbrace{`, "x", "}", 45), false},
		{"many cells", `\begin{matrix}` + strings.Repeat(`&\\`, 1200) + `\end{matrix}`, true},
		{"50 kB", strings.Repeat("x+", 25_000), true},
		{"4001 characters", strings.Repeat("x", 4001), true},
		{"one that took a renderer down by its time", strings.Repeat(`\frac{a}{b}+`, 10) + "c", false},
	} {
		d.write("a.png", text(c.name+"\n\n$"+c.tex+"$\n\nand $y$"))
		tab.Until(fmt.Sprintf(`document.querySelector('.reading > :first-child')?.textContent === %q && `, c.name) +
			settled)
		if found := browsertest.Eval[[]string](tab, foreign); len(found) > 0 {
			t.Errorf("%s: in the text there is %q", c.name, found)
		}
		shown := browsertest.Eval[string](tab, `document.querySelector('.reading').textContent`)
		if written := strings.Contains(shown, "$"+c.tex+"$"); written != c.asWritten {
			t.Errorf("%s: as it is written: %t\n%.300s", c.name, written, shown)
		}
		if next := browsertest.Eval[string](tab,
			`document.querySelector('.reading > :last-child math').textContent`); next != "y" {
			t.Errorf("%s: the next formula is %q", c.name, next)
		}
		// it is laid out
		browsertest.Eval[any](tab,
			`new Promise((ready) => requestAnimationFrame(() => requestAnimationFrame(() => ready(null))))`)
	}
	nothingRefused(t, tab)
}

// foreign is JavaScript for the elements and attributes of a text that are on no list.
const foreign = `[...document.querySelectorAll('.reading *')].flatMap((e) => {
	const maths = e.namespaceURI === 'http://www.w3.org/1998/Math/MathML';
	const names = maths ? ' math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle mpadded mphantom menclose msub msup msubsup munder mover munderover mmultiscripts mprescripts mtable mtr mtd '
		: ' p pre code br ';
	const known = maths ? ' accent accentunder columnalign columnspan depth display displaystyle fence form height largeop linethickness lspace mathvariant maxsize minsize movablelimits rowspan rspace scriptlevel separator stretchy symmetric voffset width class '
		: ' class title data-tex data-display ';
	return [names.includes(' ' + e.localName + ' ') ? '' : e.localName,
		...e.getAttributeNames().map((a) => known.includes(' ' + a + ' ') ? '' : e.localName + ' ' + a)].filter(Boolean);
})`

// with serves the page with other content in the place of one file.
func (d *desk) with(path string, instead http.HandlerFunc) (url string) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			w.Header().Set("Content-Security-Policy", policy)
			w.Header().Set("Content-Type", "text/javascript")
			instead(w, r)
			return
		}
		d.server.Handler().ServeHTTP(w, r)
	}))
	d.t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	return web.URL
}

// TestEndlessFormulaEnds: a formula whose reading never ends is shown as it is written, and the next one is read.
func TestEndlessFormulaEnds(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.write("a.png", text("$x^2$ and $endless$ and $y^2$"))
	url := d.with("/formulaworker.js", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w,
			`onmessage = ({ data }) => { while (data.tex === 'endless'); postMessage(['math', {}, [['mi', {}, [data.tex]]]]); }`)
	})
	tab := browsertest.New(t, 1200, 800)
	d.openWatched(tab, url, id)
	tab.Until(`document.querySelector('.reading')?.textContent.trim() === 'x^2 and $endless$ and y^2'`)
	if got := browsertest.Eval[string](tab,
		`document.querySelector('.reading .unread').textContent`); got != "$endless$" {
		t.Errorf("%s is left as it is written", got)
	}
	nothingRefused(t, tab)
}

// TestFormulasAreReadAhead: the worker gets the next formulas before it has answered the first, so that a text with
// many does not wait for the layout after each.
func TestFormulasAreReadAhead(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.write("a.png", text("$a$ $b$ $c$ $d$"))
	url := d.with("/formulaworker.js", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `const held = [];
onmessage = ({ data }) => {
	held.push(data.tex);
	if (held.length === 4) for (const tex of held) postMessage(['math', {}, [['mi', {}, [tex + tex]]]]);
};`)
	})
	tab := browsertest.New(t, 1200, 800)
	d.openWatched(tab, url, id)
	tab.Until(`document.querySelector('.reading')?.textContent.trim() === 'aa bb cc dd'`)
	nothingRefused(t, tab)
}

// TestFormulasAreShownAsWrittenUntilRead: as long as the scripts that read formulas are not there, and for good where
// they fail, the text holds what is written.
func TestFormulasAreShownAsWrittenUntilRead(t *testing.T) {
	t.Parallel()
	const written = `document.querySelector('.reading code.formula')?.textContent === '$x^2$'`
	t.Run("late", func(t *testing.T) {
		d := newDesk(t)
		id := d.write("a.png", text("$x^2$"))
		asked, hold := make(chan struct{}), make(chan struct{})
		url := d.with("/temml/temml.min.js", func(w http.ResponseWriter, r *http.Request) {
			close(asked)
			<-hold
			d.server.Handler().ServeHTTP(w, r)
		})
		tab := browsertest.New(t, 1200, 800)
		d.openWatched(tab, url, id)
		<-asked
		tab.Until(written)
		close(hold)
		tab.Until(`document.querySelector('.reading math msup')`)
		nothingRefused(t, tab)
	})
	for _, script := range []string{"/formulaworker.js", "/temml/temml.min.js"} {
		t.Run("missing "+script[1:], func(t *testing.T) {
			d := newDesk(t)
			id := d.write("a.png", text("$x^2$ and $y$"))
			url := d.with(script, http.NotFound)
			tab := browsertest.New(t, 1200, 800)
			tab.Allow("temml.min.js") // the worker says what it could not load
			d.openWatched(tab, url, id)
			tab.Until(written + ` && document.querySelectorAll('.reading code.unread').length === 2`)
			d.write("a.png", func(r *document.Record) { r.Text = "$x^2$ again" })
			tab.Until(written + ` && document.querySelector('.reading').innerText.includes('again')`)
		})
	}
}

// TestFormulasOfOneTextAreBounded: of a text with too many formulas, or with too much in them, the last are left as
// they are written.
func TestFormulasOfOneTextAreBounded(t *testing.T) {
	t.Parallel()
	large := make([]document.Block, 10)
	for i := range large {
		large[i] = document.Block{Label: "formula", Text: "$" + strings.Repeat("x", 3990) + "$"}
	}
	var many strings.Builder
	for i := range 1010 {
		fmt.Fprintf(&many, "$\\frac{a_{%d}}{b}$\n", i)
	}
	for _, c := range []struct {
		name       string
		page       document.Page
		read, left int
	}{
		{"many", document.Page{Page: 1, Text: many.String()}, 1000, 10},
		{"large", document.Page{Page: 1, Text: "x", Blocks: large}, 7, 3},
		// no Markdown, but text
		{"long", document.Page{Page: 1, Text: "$" + strings.Repeat("x+", 50_000) + "$ and $y$"}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			id := d.write("a.png", func(r *document.Record) { r.TextInPages = true }, c.page)
			tab := browsertest.New(t, 1200, 800)
			d.openWatched(tab, d.url, id)
			tab.Until(`document.querySelector('.reading')?.textContent.length > 100 && ` + settled)
			if n := browsertest.Eval[int](tab, `document.querySelectorAll('.reading math').length`); n != c.read {
				t.Errorf("%d are read", n)
			}
			if n := browsertest.Eval[int](tab,
				`document.querySelectorAll('.reading code.unread').length`); n != c.left {
				t.Errorf("%d are left as they are written", n)
			}
			nothingRefused(t, tab)
		})
	}
}
