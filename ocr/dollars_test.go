package ocr

import (
	"strings"
	"testing"
)

func TestEscapedFormulasAreRepaired(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"letter", `Let \$x\$ be`, `Let $x$ be`},
		{"command", `\$\alpha\$`, `$\alpha$`},
		{"power", `\$x^2 + y^2 = z^2\$.`, `$x^2 + y^2 = z^2$.`},
		{"fraction", `so \$\frac{a}{b}\$, and`, `so $\frac{a}{b}$, and`},
		{"several", `\$a\$, \$b\$ and \$c_1\$`, `$a$, $b$ and $c_1$`},
		{"words as arguments", `\$P(\text{the next word})\$`, `$P(\text{the next word})$`},
		{"interval", `\$[0, x)\$`, `$[0, x)$`},
		{"blanks inside", `\$ x + 1 \$`, `$ x + 1 $`},
		{"product", `\$ab=c\$`, `$ab=c$`},
		{"only the first is escaped", `\$x^2$`, `$x^2$`},
		{"only the second is escaped", `$x^2\$`, `$x^2$`},
		{"display", `\$\$E = mc^2\$\$`, `$$E = mc^2$$`},
		{"display over lines", "\\$\\$\n\\sum_{i=0}^n i\n\\$\\$", "$$\n\\sum_{i=0}^n i\n$$"},
		{"in a cell", `<td>\$x_1\$</td><td>\$5</td>`, `<td>$x_1$</td><td>\$5</td>`},
		{"beside a price", `costs \$5, with \$n\$ pieces`, `costs \$5, with $n$ pieces`},
		{"number and letter", `\$2n\$`, `$2n$`},
		{"function", `\$f(x)\$`, `$f(x)$`},
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
	for _, text := range []string{
		``, `no dollar`, `$5`, `\$5`, `\$`, `\$\$`, `\$\$\$\$`, `\`, `\\$x$`,
		`between \$5 and \$6`, `\$5-\$6`, `\$5/\$6`, `\$5, \$6`, `\$1,000.00 \$2,000.00`, `\$5\$`, `\$1 = \$0.93`,
		`US\$5 and HK\$40`, `US\$x and HK\$y`, `US\$x\$`, `\$x\$5`, `$a$ \$x$ $b`, `5\$ or 6\$`, `\$100k to \$200k`, `\$x million and \$y million`,
		`| \$5 | \$6 |`, `<td>\$5</td><td>\$6</td>`, `<td>\$x</td><td>\$y</td>`, `\$P - \$C`, `\$P-\$C`,
		"\\$5\n\\$6", "\\$a\n\nb\\$", "\\$x\nand y\\$", "`\\$x\\$`", "```\n\\$x\\$\n```", "```\n\\$x\\$", `a \$HOME and \$PATH`, `\$HOME\$`,
		`\${x}^{2\$`, `\$x)\$`, `\$)\$`, `\$,\$`, `\$=\$`, `\$and\$`, `\$the price\$`, `$a$ and \$5 and $b$`, `$x$ for \$5`,
		`\$` + strings.Repeat("x+", 400) + `x\$`,
	} {
		if got := repairDollars(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func FuzzRepairDollars(f *testing.F) {
	for _, seed := range []string{`Let \$x\$ be`, `between \$5 and \$6`, "\\$\\$\nx\n\\$\\$", "`\\$x\\$` \\$y\\$", `\\$x\$$$`, `\$é\$ü`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := repairDollars(text)
		if len(got) > len(text) {
			t.Fatalf("%q grew to %q", text, got)
		}
		// What is gone is backslashes before dollars, and nothing else.
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
	})
}
