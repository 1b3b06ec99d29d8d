package gcp

import (
	"fmt"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"

	"github.com/bucketocr/bucketocr/internal/document"
)

// pagesCollection holds the pages of a document, beneath it.
const pagesCollection = "ocr_pages"

// pageID is the id of a page's document. Pages are read by their generation and number, never by sorting ids.
func pageID(generation int64, page int) string { return fmt.Sprintf("%d-%04d", generation, page) }

// pageFields is the document of a page, but for the time that the server sets.
func pageFields(p document.Page) fields {
	f := fields{
		"page": number(int64(p.Page)), "generation": number(p.Generation), "text": text(p.Text),
		"warnings": texts(p.Warnings), "blank": flag(p.Blank),
		"width": number(int64(p.Width)), "height": number(int64(p.Height)), "usage": usageValue(p.Usage),
	}
	if p.Error != nil {
		f["error"] = errorValue(p.Error)
	}
	if len(p.Blocks) > 0 {
		f["blocks"] = blocksValue(p.Blocks)
	}
	return f
}

// readPage is pageFields the other way.
func readPage(f fields) document.Page {
	return document.Page{
		Page: f.int("page"), Generation: f.number("generation"), Text: f.text("text"),
		Warnings: f.texts("warnings"), Blank: f.flag("blank"), Error: readError(f.dict("error")),
		Width: f.int("width"), Height: f.int("height"), Blocks: readBlocks(f.list("blocks")),
		Usage: readUsage(f.dict("usage")), Finished: f.moment("finished"),
	}
}

func blocksValue(blocks []document.Block) *pb.Value {
	values := make([]*pb.Value, len(blocks))
	for i, b := range blocks {
		var box []*pb.Value
		for _, edge := range b.Box {
			box = append(box, number(int64(edge)))
		}
		values[i] = dict(fields{"label": text(b.Label), "box": list(box), "text": text(b.Text)})
	}
	return list(values)
}

func readBlocks(values []*pb.Value) []document.Block {
	var blocks []document.Block
	for _, v := range values {
		f := fields(v.GetMapValue().GetFields())
		b := document.Block{Label: f.text("label"), Text: f.text("text")}
		for i, edge := range f.list("box") {
			if i < len(b.Box) {
				b.Box[i] = int(edge.GetIntegerValue())
			}
		}
		blocks = append(blocks, b)
	}
	return blocks
}
