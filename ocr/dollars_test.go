package ocr

import (
	"strings"
	"testing"
)

func TestEscapedFormulasAreRepaired(t *testing.T) {
	t.Parallel()
	long := "\\$\\$\n\\begin{aligned}\n" + strings.Repeat(`x &= y + \frac{1}{2} \\`+"\n", 60) + "\\end{aligned}\n\\$\\$"
	tests := []struct{ name, in, want string }{
		{"letter", `Let \$x\$ be`, `Let $x$ be`},
		{"command", `\$\alpha\$`, `$\alpha$`},
		{"power", `\$x^2 + y^2 = z^2\$.`, `$x^2 + y^2 = z^2$.`},
		{"fraction", `so \$\frac{a}{b}\$, and`, `so $\frac{a}{b}$, and`},
		{"several", `\$a\$, \$b\$ and \$c_1\$`, `$a$, $b$ and $c_1$`},
		{"words as arguments", `\$P(\text{the next word})\$`, `$P(\text{the next word})$`},
		{"word as an index", `\$T_{total} = T_{inside}\$`, `$T_{total} = T_{inside}$`},
		{"interval", `\$[0, x)\$`, `$[0, x)$`},
		{"interval of numbers", `\$[0, 1)\$, \$ [-1,1] \$, \$(0, 1]\$`, `$[0, 1)$, $ [-1,1] $, $(0, 1]$`},
		{"blanks inside, beside numbers", `in 2010 \$ x_1 \$ and \$ 5 \cdot 6 \$ 7`,
			`in 2010 $ x_1 $ and $ 5 \cdot 6 $ 7`},
		{"blanks inside", `\$ x + 1 \$`, `$ x + 1 $`},
		{"product", `\$ab=c\$`, `$ab=c$`},
		{"points", `\$\triangle ABC\$ and \$AB \perp CD\$`, `$\triangle ABC$ and $AB \perp CD$`},
		{"only the first is escaped", `\$x^2$`, `$x^2$`},
		{"only the second is escaped", `$x^2\$`, `$x^2$`},
		{"display", `\$\$E = mc^2\$\$`, `$$E = mc^2$$`},
		{"display over lines", "\\$\\$\n\\sum_{i=0}^n i\n\\$\\$", "$$\n\\sum_{i=0}^n i\n$$"},
		{"display with its sentence's comma", `\$\$a = b,\$\$`, `$$a = b,$$`},
		{"long display", long, strings.ReplaceAll(long, `\$`, `$`)},
		{"environment over lines", "\\$\\begin{cases} x & \\text{if } y \\\\\n0 \\end{cases}\\$",
			"$\\begin{cases} x & \\text{if } y \\\\\n0 \\end{cases}$"},
		{"array", `\$\begin{array}{lll} a & b & c \end{array}\$`, `$\begin{array}{lll} a & b & c \end{array}$`},
		{"in a cell", `<td>\$x_1\$</td><td>\$5</td>`, `<td>$x_1$</td><td>\$5</td>`},
		{"beside a price", `costs \$5, with \$n\$ pieces`, `costs \$5, with $n$ pieces`},
		{"number and letter", `\$2n\$`, `$2n$`},
		{"function", `\$f(x)\$`, `$f(x)$`},
		{"function's name", `\$sin(x)\$`, `$sin(x)$`},
		{"condition", `\$P(A|B)\$`, `$P(A|B)$`},
		{"absolute value", `\$|x|\$`, `$|x|$`},
		{"factorial, derivative", `\$n!\$ and \$x'\$`, `$n!$ and $x'$`},
		{"list of letters", `\$a, b, c\$`, `$a, b, c$`},
		{"set", `\$\{1, 2\}\$`, `$\{1, 2\}$`},
		{"percent", `\$95\%\$`, `$95\%$`},
		{"hangs on a command", `\$+\infty\$, \$= \alpha\$, \$\alpha <\$, \$\beta,\$`,
			`$+\infty$, $= \alpha$, $\alpha <$, $\beta,$`},
		{"comparison that looks like a tag", `\$i<n\$ and \$x>y\$`, `$i<n$ and $x>y$`},
		{"less than before a tag", `\$a<b\$<br>\$c\$`, `$a<b$<br>$c$`},
		{"nth", `the \$n\$th and the \$(k+1)\$st`, `the $n$th and the $(k+1)$st`},
		{"apposition", `\$p\$-value`, `$p$-value`},
		{"emphasis", `_\$x\$_, **\$y\$**`, `_$x$_, **$y$**`},
		{"quotation", `> \$x\$`, `> $x$`},

		{"power of a unit", `12 m\$^2\$.`, `12 m$^2$.`},
		{"power of ten", `10\$^{-3}\$ mol`, `10$^{-3}$ mol`},
		{"index", `H\$_2\$O and SO\$_{4}^{2-}\$`, `H$_2$O and SO$_{4}^{2-}$`},
		{"equation of chemistry", `2 H\$_2\$ + O\$_2\$ → 2 H\$_2\$O`, `2 H$_2$ + O$_2$ → 2 H$_2$O`},
		{"ion", `Fe\$^{3+}\$, Na\$^+\$, Cl\$^-\$`, `Fe$^{3+}$, Na$^+$, Cl$^-$`},
		{"isotope", `\$^{14}\$C and \${}^{14}\$C`, `$^{14}$C and ${}^{14}$C`},
		{"degrees", `25\$^\circ\$C, 90\$^{\circ}\$`, `25$^\circ$C, 90$^{\circ}$`},
		{"prefix of a unit", `5 \$\mu\$m, 5\$\mu\$m`, `5 $\mu$m, 5$\mu$m`},
		{"times", `5\$\times\$5`, `5$\times$5`},
		{"plus or minus", `25\$\pm\$3`, `25$\pm$3`},
		{"footnotes", `word\$^{1}\$, Smith\$^{1,2,*}\$ end.\$^1\$ x\$^*\$ y\$^\dagger\$ z\$^{a}\$`,
			`word$^{1}$, Smith$^{1,2,*}$ end.$^1$ x$^*$ y$^\dagger$ z$^{a}$`},
		{"coefficient of determination", `R\$^2\$ = 0.9`, `R$^2$ = 0.9`},
		{"formula that begins with a power", `x\$^2 + y^2\$`, `x$^2 + y^2$`},
		{"percent behind a number", `95\$\%\$`, `95$\%$`},
		// ambiguous: the line has two plain dollars
		{"only one of a power's is escaped", `m\$^2$ and m$^2\$`, `m\$^2$ and m$^2\$`},
		{"power of a price's footnote", `US\$5\$^{1}\$`, `US\$5$^{1}$`},

		{"number among formulas", `from \$0\$ to \$n\$`, `from $0$ to $n$`},
		{"fraction among formulas", `\$1/2\$ of \$x\$`, `$1/2$ of $x$`},
		{"sum among formulas", `\$2+2=4\$, \$x\$`, `$2+2=4$, $x$`},
		{"sign among formulas", `\$p\$ \$<\$ 0.05 and n\$\geq\$5, n\$>\$5`, `$p$ $<$ 0.05 and n$\geq$5, n$>$5`},
		{"price with blanks among formulas", `\$x\$: \$ 5 \$`, `$x$: \$ 5 \$`},
		{"sign between formulas", `$x \$>\$x\$`, `$x \$>$x$`},
		{"price among formulas", `\$0\$ to \$x\$ for \$5 or \$6`, `$0$ to $x$ for \$5 or \$6`},

		{"list's continuation", "- a\n\n    \\$x\\$", "- a\n\n    $x$"},
		{"numbered list's continuation", "1. a\n\n    \\$x\\$\n\n    \\$y\\$", "1. a\n\n    $x$\n\n    $y$"},
		{"paragraph's continuation", "a\n    \\$x\\$", "a\n    $x$"},
		{"table's indentation", "<tr>\n\n    <td>\\$x\\$</td>", "<tr>\n\n    <td>$x$</td>"},
		{"indented display", "a\n\n    \\$\\$x = 1\\$\\$", "a\n\n    $$x = 1$$"},
		{"after code", "```\n\\$x\\$\n```\n\\$x\\$", "```\n\\$x\\$\n```\n$x$"},
		{"after indented code", "a\n\n    \\$x\\$\n\n\\$x\\$", "a\n\n    \\$x\\$\n\n$x$"},
		{"after pre, code and a comment", `<pre>\$x\$</pre><code>\$x\$</CODE><!-- \$x\$ -->\$x\$`,
			`<pre>\$x\$</pre><code>\$x\$</CODE><!-- \$x\$ -->$x$`},
		{"after code without an end", "<code>a <b> <pre>\n\\$x\\$\na <!-- b\n\\$x\\$",
			"<code>a <b> <pre>\n$x$\na <!-- b\n$x$"},
		{"after an address", `https://a.example/\$x\$ \$x\$`, `https://a.example/\$x\$ $x$`},
		{"after backticks without an end", "a ` b ``c \\$x\\$", "a ` b ``c $x$"},
		{"after an escaped backtick", "\\` \\$x\\$ `", "\\` $x$ `"},
		{"after three backticks in a line", "```a``` \\$x\\$", "```a``` $x$"},
		{"pipe table", `| \$x\$ | \$5 |`, `| $x$ | \$5 |`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := repairDollars(test.in); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestOtherDollarsAreLeftAlone(t *testing.T) {
	t.Parallel()
	for kind, texts := range map[string][]string{
		"not a pair": {``, `no dollar`, `$5`, `\$5`, `\$`, `\$\$`, `\$\$\$\$`, `\`, `\\$x$`, `\$x\$\$`, `\$x\$$y$`,
			`\$x\$$`},
		"prices": {
			`between \$5 and \$6`, `\$5-\$6`, `\$5–\$6`, `\$5/\$6`, `\$5, \$6`, `\$1,000.00 \$2,000.00`, `\$5\$`,
			`\$1 = \$0.93`, `\$5\$6\$7`,
			`5\$ or 6\$`, `\$100k to \$200k`, `\$x million and \$y million`, `\$5 x \$6`, `\$5×\$6`, `\$5\times\$6`,
			`\$5+\$6=\$11`,
			`(\$5) and (\$6)`, `-\$5 or +\$6`, `\$0.05/kWh, \$3/m`, `\$5M and \$6M`, `\$5 a piece, \$6 a dozen`,
			`\$5.00*\$`, `~\$5, <\$6, >\$7`,
			`\$1.5–2.5 and \$3`, `\$5\% off \$10`, `\$-5 \$-6`, `\$5, of which \$2`, `\$1/2\$`, `\$0\$`, `\$=\$`,
			`\$<\$`,
		},
		"prices with blanks": {
			`\$ (5,000) \$ (6,000)`, `\$ 5^a \$ 6^b`, `1 \$ = 0.93 €, 1 \$ = 7 ¥`, `**\$5** x **\$6**`, `_\$5_ x _\$6_`,
			`\$ 5,00 y \$6`, `\$ 5 y \$ 6`, `de \$ 5 a \$ 6`, `5 \$ à 6 \$ par`, `5 \$ - 6 \$`, `\$ 5 · \$ 6`,
			`\$ 5 c/u y \$ 6`, `\$ 5M \$ n/a`, `\$ 12 \$ 15 \$ 9`, `\$ 5 - \$ 6`,
			`5 \$ ou 6 \$`, "5 \u00a0\\$ à 6 \u00a0\\$", `\$ 5 \$`,
		},
		"price categories": {`\$\$ o \$\$`, `\$\$ – \$\$\$`, `\$, \$\$ or \$\$\$`, `\$\$–\$\$`},
		"currencies": {`US\$5 and HK\$40`, `US\$x and HK\$y`, `US\$x\$`, `A\$x, B\$y\$`, `\$x\$5`, `US\$^{1}\$`,
			`R\$5 e R\$6`, `(US\$) and (CA\$)`, `US\$/A\$`, `\$m, \$k`, `in \$m and \$k`, `C\$_2`},
		"tables": {
			`| \$5 | \$6 |`, `| \$ A | \$ B |`, `| \$ m | 3 | \$ k |`, `| \$ m | c \$ |`, `\$ A | \$ B`,
			`<td>\$5</td><td>\$6</td>`, `<td>\$x</td><td>\$y</td>`, `<th>\$</th><th>\$</th>`,
			"<tr>\n  <td>\\$</td>\n  <td>x</td>\n  <td>\\$</td>\n</tr>",
		},
		"names": {`\$P - \$C`, `\$P-\$C`, `\$and\$`, `\$the price\$`, `\$user_name\$`, `\$AAPL\$`, `\$ABC\$ or \$XYZ\$`,
			`\$x\$thé`},
		"lines": {"\\$5\n\\$6", "\\$a\n\nb\\$", "\\$x\nand y\\$", "\\$\\$x +\n\ny\\$\\$", "\\$\\$x +\n \ny\\$\\$"},
		"shell": {
			`a \$HOME and \$PATH`, `\$HOME\$`, `cp \$a \$b`, `\$1 \$2 \$@`, `\$(date) \$(pwd)`, `\${a}\${b}`,
			`\${a}/\${b}`, `\$(a)\$(b)`, `"\$a" "\$b"`, `'\$a' '\$b'`, `\$x|\${y}`,
			`\$x-\${y}`, `\$a_1\${b}`, `\$a \$(cat b)`, `for i in \$a; do echo \$i; done`, `s/a\$/b\$/`, `^\$\|^#\$`,
			`\$? \$! \$_`, `[ \$a = \$b ]`, `[ "\$a" = "\$b" ]`, `\$((a+1)) \$((b+1))`, `echo "\$x" + "\$"`,
			`kill \$\$; echo \$\$`,
		},
		"PHP": {
			`\$a = 5; \$b = 6;`, `\$i=0;\$i<\$n;\$i++`, `\$a->b(\$c)`, `\$_GET['a'] . \$_POST['b']`, `\$_GET\$_POST`,
			`\$_a\$b`, `a\$_ab\$ b`, `\$_\$x`, `\$_\$`, `\$a[0] . \$b[1]`, `if (\$a && \$b)`, `f(\$x)*\$y`,
			`\$a::b(\$c)`, `my (\$a, \$b);`, `(\$a,\$b)`, `\$a == 1\$`, `"\$a^\$b"`, `\$a == \$b`,
		},
		"code": {
			"`\\$x\\$`", "``a ` \\$x\\$``", "```\n\\$x\\$\n```", "```\n\\$x\\$", "~~~\n\\$x\\$\n~~~", "~~~\n\\$x\\$",
			"````\n```\n\\$x\\$\n````", "```sh\n\\$x\\$\n``` \n", "> ```\n> \\$x\\$\n> ```",
			"- ```\n  \\$x\\$\n  ```", "```\n``` a\n\\$x\\$", "~~~\n```\n\\$x\\$\n~~~",
			`<pre>\$x\$</pre>`, "<pre>\n\\$x\\$\n", `<PRE class="a">\$x\$</pre>`, `<code>\$x\$</code>`,
			`<code>a</b>\$x\$`, `<kbd>\$x\$</kbd>`, `<script>\$x\$</script>`,
			"<pre>\n\n\\$x\\$", "- <pre>\n\n\\$x\\$", `a <code>\$x\$`, "a <script>\\$x\\$",
			"<!-- a -->\n<!--\n\n\\$x\\$", `<!-- \$x\$ -->`, "<!--\n\\$x\\$", `<a href="\$x\$">`, `</a \$x\$>`,
			`https://a.example/\$x\$`, `http://a.example/?a=\$x\$&b`, `www.a.example/\$x\$`,
			`<https://a.example/\$x\$>`, `s3://a/\$x\$`,
			"a\n\n    \\$x\\$", "a\n\n\t\\$x\\$\n\n    \\$y\\$", "- a\n\nb\n\n    \\$x\\$",
		},
		"brackets": {`\${x}^{2\$`, `\$x)\$`, `\$)\$`, `\$,\$`, `\$x^2(\$`},
		"already": {`$a$ and \$5 and $b$`, `$x$ for \$5`, `$a$ \$x$ $b`, `$$x$$ and \$5`,
			`$x < \$5$`},
		"too long": {`\$` + strings.Repeat("x+", 400) + `x\$`,
			`\$\$` + strings.Repeat("x+", 2000) + `x\$\$`},
		"numbers where no formula is escaped": {`\$0\$ and $x$`, `\$5\$, \$6\$`},
	} {
		for _, text := range texts {
			if got := repairDollars(text); got != text {
				t.Errorf("%s: %q became %q", kind, text, got)
			}
		}
	}
}

// TestNoPriceBecomesAFormula: all combinations of two prices, in every usual form, and the text between them. A page
// has its dollar signs either before or after the amounts.
func TestNoPriceBecomesAFormula(t *testing.T) {
	t.Parallel()
	forms := [][]string{
		{
			`\$N`, `\$ N`, `US\$N`, `US\$ N`, `A\$N`, `(\$N)`, `(\$ N)`, `-\$N`, `\$-N`, `\$(N)`, `**\$N**`, `*\$N*`,
			`_\$N_`, `\$N^1^`, `\$N^a`, `\$N*`, `\$N/m`, `\$N.–`, `~\$N`, `>\$N`, `\$N\%`,
			`\$N{,}000`, `\$N\,000`, `[\$N]`, `"\$N"`, `'\$N'`, `\$N<sup>1</sup>`,
		},
		{`N\$`, `N \$`, `N \$/m²`, `N US\$`, `(N \$)`, `**N\$**`, `N\$/m`, `N A\$`},
	}
	between := []string{
		" ", "  ", ", ", "; ", ": ", " - ", "-", "–", " – ", "/", " / ", " x ", " y ", " o ", " e ", " a ", " à ",
		" ou ", " and ", " bis ", " = ", "=", "+", " + ", "|", " | ", " < ", ">", " · ", "·", " vs. ", "…", "...",
		"\n", "<br>", "</td><td>", " × ", "×", " @ ", " * ", "*", " per m, ", " k, ", " (a) ", " b) ", "\t", " → ", "→",
		" ± ", "±", " 7 ", " 7 a ", " No. 3: ", " \u00a0", "、", "到",
	}
	for _, amount := range []string{"5", "1,000.00", "20k"} {
		for _, side := range forms {
			for _, a := range side {
				for _, b := range side {
					for _, gap := range between {
						first, second := strings.ReplaceAll(a, "N", amount), strings.ReplaceAll(b, "N", "6")
						for _, text := range []string{first + gap + second, "from " + first + gap + second + " on"} {
							if got := repairDollars(text); got != text {
								t.Errorf("%q became %q", text, got)
							}
						}
					}
				}
			}
		}
	}
}

// adversarial pieces, when repeated, make a careless scanner examine the same bytes again and again.
var adversarial = []string{
	`\$`, `$`, `\$x\$`, `\$x$`, `$x\$ `, `\$\$`, `\$ `, `\$^`, `\$5 `, "\\$\n", "```\n", "```", "`", "`\n", "` ``",
	"``` `` ` ", "~~~\n", "~~~~a\n", "<", "<a", "<a ", "</", "<a\n", "<!--", "<!-- -->", "<pre>", "<pre></", "<pre",
	"</pre>",
	"<code> `", "\\`", "\\", ":", "://", "https://a", "www.", "|", "| \\$", "    ", "    \\$x\n", "\n    \\$x\\$\n",
	"- ", "- \n", "> ", "> ```\n", "\n", "\n\n", "{", "\\$x\\$\\begin{a}\n", "1. ```\n", "_", "a", "é", "\xff", "\x01",
}

// TestRepairIsLinear: in a text of twice the length twice as many bytes are examined, counting repeated examinations.
func TestRepairIsLinear(t *testing.T) {
	t.Parallel()
	examined := func(text string) int {
		s := dollarScan{text: text}
		s.findDelimiters()
		s.repaired()
		return s.examined
	}
	linear(t, adversarial, 60, 6, examined)
}

func FuzzRepairDollars(f *testing.F) {
	for _, seed := range []string{
		`Let \$x\$ be`, `between \$5 and \$6`, "\\$\\$\nx\n\\$\\$", "`\\$x\\$` \\$y\\$", `\\$x\$$$`, `\$é\$ü`,
		`H\$_2\$O \$0\$`, "- a\n\n    \\$x\\$\n~~~\n<pre>\\$x\\$</pre>",
		`<!-- \$x\$ --> https://a.example/\$x\$ | \$a\$ |`, `\$x\$$y\$ \$\$z\$\$`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := repairDollars(text)
		// Only backslashes before dollars are removed.
		i := 0
		for j := 0; j < len(text); j++ {
			switch {
			case i < len(got) && got[i] == text[j]:
				i++
			case text[j] == '\\' && j+1 < len(text) && text[j+1] == '$':
			default:
				t.Fatalf("%q became %q: changed at %d", text, got, j)
			}
		}
		if i != len(got) {
			t.Fatalf("%q became %q", text, got)
		}
		if again := repairDollars(got); again != got {
			t.Fatalf("%q became %q and then %q", text, got, again)
		}
		s := dollarScan{text: text}
		s.findDelimiters()
		s.repaired()
		if s.examined > 8*len(text)+100 {
			t.Fatalf("%d bytes were looked at for %d: %q", s.examined, len(text), text)
		}
	})
}
