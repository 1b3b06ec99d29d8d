package render

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func TestHTML(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"markdown", "# Delivery note\n\n- **one**\n- two", "<h1>Delivery note</h1>\n<ul>\n<li><strong>one</strong></li>\n<li>two</li>\n</ul>\n"},
		{"lines stay lines", "one\ntwo", "<p>one<br/>\ntwo</p>\n"},
		{"table", `<table><tr><td colspan="2" onclick="x()" style="color:red">Bolts & nuts</td></tr></table>`,
			`<div class="table-box"><table><tbody><tr><td colspan="2">Bolts &amp; nuts</td></tr></tbody></table></div>`},
		{"pipe table", "| a |\n|--:|\n| 1 |", `<td align="right">1</td>`},
		{"script", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
		{"script in a line", "a <script>alert(1)</script> b", "<p>a &lt;script&gt;alert(1)&lt;/script&gt; b</p>\n"},
		{"image", `<img src=x onerror=alert(1)>`, "&lt;img src=x onerror=alert(1)&gt;"},
		{"comment", "a <!-- b --> c", "a &lt;!-- b --&gt; c"},
		{"unknown", "if a <div> b", "if a &lt;div&gt; b"},
		{"picture", "![a photo](http://evil.example/x.png)", `<em class="picture">a photo</em>`},
		{"script link", "[click](javascript:alert(1))", "<p>click</p>\n"},
		{"link", "[click](http://example.com/)", `<a href="http://example.com/" rel="nofollow noreferrer noopener" target="_blank">click</a>`},
		{"relative link", "[click](/api/files)", "<p>click</p>\n"},
		{"inline maths", "so $a_1*b*c$ holds", "<p>so <math><mrow><msub><mi>a</mi>"},
		{"brackets", `so \(x<y\) holds`, "<p>so <math><mrow><mi>x</mi><mo>&lt;</mo><mi>y</mi></mrow></math> holds</p>\n"},
		{"display", "$$\nE=mc^2\n$$\n\nnext", `<p><math display="block"`},
		{"display brackets", "\\[\nE=mc^2\n\\]\nnext", "</math></p>\n<p>next</p>\n"},
		{"display in one line", "$$E=mc^2$$", `<p><math display="block"`},
		{"maths in a cell", `<table><tr><td>$x_1$ and $2</td></tr></table>`, "<td><math><msub><mi>x</mi><mn"},
		{"money", "from $5 to $10, or $ 3", "<p>from $5 to $10, or $ 3</p>\n"},
		{"escaped", `\$5 and 6$`, "<p>$5 and 6$</p>\n"},
		{"unread", `$\nosuch{x}$`, `<code class="math-unread" title="This formula could not be read; this is how it is written.">$\nosuch{x}$</code>`},
		{"link in maths", `$\href{javascript:alert(1)}{x}$`, `<code class="math-unread"`},
		{"maths in code", "`$x$`", "<code>$x$</code>"},
		{"unfinished display", "$$\nE=\n\nnext", "<p>next</p>"},
		{"too long", strings.Repeat("<b>", 100_000), "<pre>&lt;b&gt;"},
		{"our own class", `<code class="math-display">$x$</code>`, "<math"},
		{"id", `<p id="list">x</p>`, "<p>x</p>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := New().HTML(c.text); !strings.Contains(got, c.want) {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// TestSlowFormula: an endless formula ends, and the next one is read.
func TestSlowFormula(t *testing.T) {
	m := &maths{}
	if _, err := m.mathML("x", false); err != nil {
		t.Fatal(err)
	}
	m.vm.Set("temml", nil)
	endless, err := m.vm.RunString("(() => { for (;;); })")
	if err != nil {
		t.Fatal(err)
	}
	m.vm.Set("endless", endless)
	if err := m.vm.ExportTo(endless, &m.call); err != nil {
		t.Fatal(err)
	}
	if _, err := m.mathML("x", false); !isInterrupt(err) {
		t.Errorf("%v", err)
	}
	if got, err := m.mathML("x", false); err != nil || !strings.Contains(got, "<mi>x</mi>") {
		t.Errorf("%s %v", got, err)
	}
}

// TestExpanding: formulas that grow without end are refused, not computed.
func TestExpanding(t *testing.T) {
	m := &maths{}
	for _, tex := range []string{`\def\a{\a\a}\a`, strings.Repeat("{", 1900) + strings.Repeat("}", 1900), strings.Repeat(`\sqrt`, 800) + "x",
		strings.Repeat("x", maxFormula+1), `\rule{9999999em}{9999999em}\def\b{\rule{1em}{1em}\b}\b`} {
		if out, err := m.mathML(tex, true); err == nil && len(out) > 200_000 {
			t.Errorf("%.20s…: %d bytes", tex, len(out))
		}
	}
}

// harmless fails where a tag of the HTML could run, load or restyle anything.
func harmless(t *testing.T, text, out string) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(out))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		if token.Type == html.TextToken {
			continue
		}
		if !isKnown(token.Data) && token.Data != "div" && !strings.Contains(mathElements, " "+token.Data+" ") {
			t.Errorf("%q becomes %q: %s", text, out, token)
		}
		for _, a := range token.Attr {
			known := strings.Contains(mathAttributes+"class colspan rowspan span align start rel target title ", " "+a.Key+" ")
			link := a.Key == "href" && regexp.MustCompile("^(https?|mailto):").MatchString(a.Val)
			if !known && !link {
				t.Errorf("%q becomes %q: %s", text, out, token)
			}
		}
	}
}

var attacks = []string{
	"<script>alert(1)</script>", "<SCRIPT SRC=//x>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "[a](javascript:alert(1))",
	"[a](  javascript&colon;alert(1))", "<a href=\"jav\tascript:alert(1)\">x</a>", "<table><script>x</script><td onmouseover=alert(1)>",
	"<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", `$\text{<img src=x onerror=alert(1)>}$`, "<a href=http://x onclick=a>",
	"```\n</code></pre><script>alert(1)</script>\n```", "<p style=\"background:url(x)\">", "`<script>`", "<!--><img src=x onerror=alert(1)>-->",
	"<td><![CDATA[<script>]]>", "<code class=math-display>$\\text{</math><script>alert(1)</script>}$</code>", "$$\\class{x}{y}$$ $\\style{color:red}{x}$",
	"<pre><script>", "</div></main><script>", "\x00<scr\x00ipt>", "<a href='data:text/html,<script>'>x</a>",
}

func TestNothingRuns(t *testing.T) {
	r := New()
	for _, a := range attacks {
		harmless(t, a, r.HTML(a))
	}
}

func FuzzHTML(f *testing.F) {
	for _, a := range attacks {
		f.Add(a)
	}
	r := New()
	f.Fuzz(func(t *testing.T, text string) { harmless(t, text, r.HTML(text)) })
}

// TestLongTexts: nothing that a page may hold keeps the page waiting.
func TestLongTexts(t *testing.T) {
	r := New()
	for _, part := range []string{"> ", "- ", "[", "*", "**a ", "<td>", "<table>", "$x", "`", "$x$ ", "| a ", "![", "<b>"} {
		start := time.Now()
		r.HTML(strings.Repeat(part, 6_000/len(part)))
		t.Logf("%q: %v", part, time.Since(start).Round(time.Millisecond))
	}
}
