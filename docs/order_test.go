package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool // a dependency
}

var goFile = regexp.MustCompile(`[a-z0-9_]+\.go\b`)

// TestReadingOrder: the comment of each package of at least three files lists them in an order in which they can be
// read: at most one in ten references between files is to an earlier one.
func TestReadingOrder(t *testing.T) {
	t.Parallel()
	readingOrder(t, "..")
}

func readingOrder(t *testing.T, module string) {
	t.Helper()
	packages, exports := list(t, module)
	fset := token.NewFileSet()
	compiled := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	for _, p := range packages {
		if len(p.GoFiles) < 3 {
			continue
		}
		files, order := parse(t, fset, p)
		for _, name := range p.GoFiles {
			if !slices.Contains(order, name) && name != "doc.go" {
				t.Errorf("%s: the list of files lacks %s", p.ImportPath, name)
			}
		}
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
		checked, err := (&types.Config{Importer: compiled}).Check(p.ImportPath, fset, files, info)
		if err != nil {
			t.Fatal(err)
		}
		all, against := references(fset, files, checked, info.Uses, order)
		if len(against)*10 > all {
			slices.Sort(against)
			t.Errorf("%s: %d of %d references between files are to earlier ones:\n\t%s", p.ImportPath, len(against),
				all, strings.Join(against, "\n\t"))
		}
	}
}

// list returns the packages of a module, and the files with the exported names of these and of their dependencies.
func list(t *testing.T, module string) (packages []listed, exports map[string]string) {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly", "./...")
	cmd.Dir = module
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports = map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages, exports
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if !p.DepOnly {
			packages = append(packages, p)
		}
	}
}

// parse returns the files of a package, and their names in the order in which its comment lists them.
func parse(t *testing.T, fset *token.FileSet, p listed) (files []*ast.File, order []string) {
	t.Helper()
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		if _, list, ok := strings.Cut(f.Doc.Text(), "n reading order"); ok {
			order = goFile.FindAllString(list, -1)
		}
	}
	return files, order
}

// references counts the references in files to methods and package-level names of other files, and returns those to
// earlier files. Receivers do not count: the methods of a type may be in several files.
func references(fset *token.FileSet, files []*ast.File, p *types.Package, uses map[*ast.Ident]types.Object,
	order []string) (all int, against []string) {
	fileOf := func(pos token.Pos) string { return filepath.Base(fset.Position(pos).Filename) }
	for _, f := range files {
		from := fileOf(f.Pos())
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv != nil {
					ast.Inspect(n.Recv, func(n ast.Node) bool {
						if id, ok := n.(*ast.Ident); ok {
							delete(uses, id)
						}
						return true
					})
				}
			case *ast.Ident:
				used := uses[n]
				if used == nil || used.Pkg() != p {
					break
				}
				to := fileOf(used.Pos())
				if f, ok := used.(*types.Func); used.Parent() != p.Scope() && !(ok && f.Signature().Recv() != nil) ||
					to == from {
					break
				}
				all++
				if slices.Index(order, to) < slices.Index(order, from) {
					against = append(against, fmt.Sprintf("%s to %s of %s", from, used.Name(), to))
				}
			}
			return true
		})
	}
	return all, against
}
