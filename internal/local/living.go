package local

import (
	"slices"
	"strings"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Living are the objects that the last Scan has seen in the directory, at their newest generations, in the order of their
// names. Whoever wants to know what became of each asks the record store.
func (w *World) Living() []document.Object {
	w.known.Lock()
	defer w.known.Unlock()
	var living []document.Object
	for name, o := range w.objects {
		if !o.gone {
			living = append(living, w.object(name, o))
		}
	}
	slices.SortFunc(living, func(a, b document.Object) int { return strings.Compare(a.Name, b.Name) })
	return living
}
