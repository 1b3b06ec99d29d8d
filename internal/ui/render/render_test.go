package render

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// inline and block are the elements that the page's script reads, of TeX and what is written as HTML.
func inline(tex, written string) string { return element("inline", tex, written) }
func block(tex, written string) string  { return element("block", tex, written) }

func element(display, tex, written string) string {
	return `<code class="formula" data-tex="` + tex + `" data-display="` + display + `">` + written + "</code>"
}

func TestHTML(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"markdown", "# Delivery note\n\n- **one**\n- two",
			"<h1>Delivery note</h1>\n<ul>\n<li><strong>one</strong></li>\n<li>two</li>\n</ul>\n"},
		{"lines stay lines", "one\ntwo", "<p>one<br/>\ntwo</p>\n"},
		{"numbers of a list", "3. a\n9. b\n10. c\n2. d",
			"<ol start=\"3\">\n<li>a</li>\n<li value=\"9\">b</li>\n<li>c</li>\n<li value=\"2\">d</li>\n</ol>"},
		{"numbers of a list in a list", "- x\n\n  007) a\n\n  5) b\n",
			"<ol start=\"7\">\n<li>\n<p>a</p>\n</li>\n<li value=\"5\">"},
		{"products and ranges", "80*60*40 cm, 10~20℃，30~40℃, *a* and ~~b~~, 2**3**4",
			"<p>80*60*40 cm, 10~20℃，30~40℃, <em>a</em> and <del>b</del>, 2<strong>3</strong>4</p>\n"},
		{"definitions of links", "[1]: https://example.org/a\n[A]: Ja\n\nsee [1]",
			"<p>[1]: https://example.org/a<br/>\n[A]: Ja</p>\n<p>see [1]</p>\n"},
		{"currencies", "Revenue (US$m) and EBITDA (US$m), HK$'000 2023 HK$'000, $HOME/bin:$PATH, ($m) and ($k)",
			"<p>Revenue (US$m) and EBITDA (US$m), HK$&#39;000 2023 HK$&#39;000, $HOME/bin:$PATH, " +
				"($m) and ($k)</p>\n"},
		{"currencies in a cell", "<table><tr><td>US$m and C$m</td></tr></table>", "<td>US$m and C$m</td>"},
		{"index behind a word", "CO$_2$ and 10$^6$",
			"<p>CO" + inline("_2", "$_2$") + " and 10" + inline("^6", "$^6$") + "</p>"},
		{"table", `<table><tr><td colspan="2" onclick="x()" style="color:red">Bolts & nuts</td></tr></table>`,
			`<div class="table-box"><table><tbody><tr><td colspan="2">Bolts &amp; nuts</td></tr></tbody></table></div>`},
		{"pipe table", "| a |\n|--:|\n| 1 |", `<td align="right">1</td>`},
		{"script", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
		{"script in a line", "a <script>alert(1)</script> b", "<p>a &lt;script&gt;alert(1)&lt;/script&gt; b</p>\n"},
		{"image", `<img src=x onerror=alert(1)>`, "&lt;img src=x onerror=alert(1)&gt;"},
		{"comment", "a <!-- b --> c", "a &lt;!-- b --&gt; c"},
		{"unknown", "if a <div> b", "if a &lt;div&gt; b"},
		{"comparisons", "if a<b and c>d, or x<p or q>r", "<p>if a&lt;b and c&gt;d, or x&lt;p or q&gt;r</p>\n"},
		{"comparisons in a cell", "<table><tr><td>$a<b$</td><td>x<y and <em>z</em></td></tr></table>",
			"<td>" + inline("a&lt;b", "$a&lt;b$") + "</td><td>x&lt;y and <em>z</em></td>"},
		{"picture", "![a photo](http://evil.example/x.png)", `<em class="picture">a photo</em>`},
		{"script link", "[click](javascript:alert(1))", "<p>click</p>\n"},
		{"link", "[click](http://example.com/)",
			`<a href="http://example.com/" rel="nofollow noreferrer noopener" target="_blank">click</a>`},
		{"relative link", "[click](/api/files)", "<p>click</p>\n"},
		{"inline formula", "so $a_1*b*c$ holds", "<p>so " + inline(`a_1*b*c`, `$a_1*b*c$`) + " holds</p>\n"},
		{"brackets", `so \(x<y\) holds`, "<p>so " + inline(`x&lt;y`, `\(x&lt;y\)`) + " holds</p>\n"},
		{"display", "$$\nE=mc^2\n$$\n\nnext", "<p>" + block(`E=mc^2`, "$$\nE=mc^2\n$$") + "</p>\n<p>next</p>\n"},
		{"display brackets", "\\[\nE=mc^2\n\\]\nnext",
			"<p>" + block(`E=mc^2`, "\\[\nE=mc^2\n\\]") + "</p>\n<p>next</p>\n"},
		{"display in one line", "$$E=mc^2$$", "<p>" + block(`E=mc^2`, `$$E=mc^2$$`) + "</p>\n"},
		{"display within a line", "so $$a$$ and $$b$$", "<p>so " + block("a", "$$a$$") + " and " + block("b", "$$b$$") +
			"</p>\n"},
		{"formulas in a cell", `<table><tr><td>$x_1$ and $2</td></tr></table>`,
			"<td>" + inline(`x_1`, `$x_1$`) + " and $2</td>"},
		{"formula in a pipe table", "| a |\n|---|\n| $x_1$ |", "<td>" + inline(`x_1`, `$x_1$`) + "</td>"},
		{"money", "from $5 to $10, or $ 3", "<p>from $5 to $10, or $ 3</p>\n"},
		{"money in a cell", `<table><tr><td>from $5 to $10</td></tr></table>`, "<td>from $5 to $10</td>"},
		{"escaped", `\$5 and 6$`, "<p>$5 and 6$</p>\n"},
		{"quotes and tags", `$"x" <b>y</b>$`,
			inline("&#34;x&#34; &lt;b&gt;y&lt;/b&gt;", "$&#34;x&#34; &lt;b&gt;y&lt;/b&gt;$")},
		{"emphasis stays TeX", "$a*b$ and $c*d$", inline("a*b", "$a*b$") + " and " + inline("c*d", "$c*d$")},
		{"formula in code", "`$x$`", "<code>$x$</code>"},
		{"formula in fenced code", "```\n$x$\n```", "<pre><code>$x$\n</code></pre>"},
		{"unfinished display", "$$\nE=\n\nnext", "<p><code class=\"formula\">$$\nE=</code></p>\n<p>next</p>"},
		{"too long", strings.Repeat("<b>", 100_000), "<pre>&lt;b&gt;"},
		{"our own class", `<code class="formula">$x$</code>`, inline("x", "$x$")},
		{"our own attributes", `<code class="formula" data-tex="y" data-display="block">$x$</code>`,
			inline("x", "$x$")},
		{"our own attributes without a formula", `<code class="formula" data-tex="y">x</code>`,
			`<code class="formula">x</code>`},
		{"id", `<p id="list">x</p>`, "<p>x</p>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := New().HTML(c.text); !strings.Contains(got, c.want) {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// TestPlainText: text without markup has the signs and lines of the page.
func TestPlainText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"# Title\n\none\ntwo\n\nthree":          "Title\n\none\ntwo\n\nthree\n",
		"24. Dezember 2024\n\nSehr geehrte":     "24. Dezember 2024\n\nSehr geehrte\n",
		"3. a\n7. b\n8. c":                      "3. a\n7. b\n8. c\n",
		"- 12,50\n- 3,00":                       "- 12,50\n- 3,00\n",
		"> 18 Jahre\n> und\n>\n> älter":         "> 18 Jahre\n> und\n>\n> älter\n",
		"10<sup>6</sup>, 1,250<sup>2)</sup>":    "10⁶, 1,250²⁾\n",
		"H<sub>2</sub>O, x<sub>max</sub>":       "H₂O, x_(max)\n",
		"1<sup>st</sup>, a<sup>*</sup>":         "1^(st), a^*\n",
		"<table><tr><td>a<td>b</tr></table>":    "a\tb\n",
		"one<br>two":                            "one\ntwo\n",
		"- a\n  1. b\n  4. c\n- d":              "- a\n1. b\n4. c\n\n- d\n",
		"<ol start=4><li>a</li><li>b</li></ol>": "4. a\n5. b\n",
		"<li>alone</li>":                        "alone\n",
		"$E=mc^2$ and 5*6*7":                    "$E=mc^2$ and 5*6*7\n",
		"```\n  code\n```":                      "code\n",
	} {
		if got := New().Text(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// harmless fails if a tag in the HTML could run, load or restyle anything.
func harmless(t *testing.T, text, out string) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(out))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		if token.Type == html.TextToken {
			continue
		}
		if !isKnown(token.Data) && token.Data != "div" {
			t.Errorf("%q becomes %q: %s", text, out, token)
		}
		for _, a := range token.Attr {
			known := strings.Contains(" class colspan rowspan span align start value rel target ", " "+a.Key+" ")
			formula := token.Data == "code" && (a.Key == "data-tex" || a.Key == "data-display")
			link := a.Key == "href" && regexp.MustCompile("^(https?|mailto):").MatchString(a.Val)
			if !known && !formula && !link {
				t.Errorf("%q becomes %q: %s", text, out, token)
			}
		}
	}
}

var attacks = []string{
	"<script>alert(1)</script>", "<SCRIPT SRC=//x>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
	"[a](javascript:alert(1))",
	"[a](  javascript&colon;alert(1))", "<a href=\"jav\tascript:alert(1)\">x</a>",
	"<table><script>x</script><td onmouseover=alert(1)>",
	"<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", `$\text{<img src=x onerror=alert(1)>}$`,
	"<a href=http://x onclick=a>",
	"```\n</code></pre><script>alert(1)</script>\n```", "<p style=\"background:url(x)\">", "`<script>`",
	"<!--><img src=x onerror=alert(1)>-->",
	"<td><![CDATA[<script>]]>", "<code class=formula data-tex=x onclick=x>$\" onclick=alert(1) x=\"$</code>",
	"<code class=formula>$\\text{</math><script>alert(1)</script>}$</code>",
	"$$\\class{x}{y}$$ $\\style{color:red}{x}$",
	"<pre><script>", "</div></main><script>", "\x00<scr\x00ipt>", "<a href='data:text/html,<script>'>x</a>",
}

func TestNothingRuns(t *testing.T) {
	t.Parallel()
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

// TestLongTexts: no text that a page may have takes long to render.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	r := New()
	for _, part := range []string{"> ", "- ", "[", "*", "**a ", "<td>", "<table>", "$x", "`", "$x$ ", "| a ", "![",
		"<b>"} {
		start := time.Now()
		r.HTML(strings.Repeat(part, 6_000/len(part)))
		t.Logf("%q: %v", part, time.Since(start).Round(time.Millisecond))
	}
}
