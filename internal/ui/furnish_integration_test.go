//go:build integration

package ui

import (
	"fmt"
	"os"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

const patentText = `# (12) United States Patent

Nicholls et al.

(10) Patent No.: **US 6,672,749 B2**
(45) Date of Patent: **Jan. 6, 2004**

## (54) OPTICALLY MARKED SURFACE

(75) Inventors: **Mark H. Nicholls**, Welland (CA); **Sidney O. Nicholls**, Fenwick (CA); **Douglas L. Pullin**, St. Catharines (CA)

(73) Assignee: **Turfstore.Com, Inc.**, Calhoun, GA (US)

(21) Appl. No.: **09/844,237**

(51) $\mathrm{Int. Cl.}^7$ ... **F21V 5/00**

## (56) References Cited

<table><thead><tr><th colspan="3">U.S. PATENT DOCUMENTS</th></tr></thead><tbody>
<tr><td>4,884,865 A *</td><td>12/1989 Grise</td><td>362/554</td></tr>
<tr><td>6,082,886 A *</td><td>7/2000 Stanford</td><td>362/576</td></tr>
<tr><td>6,398,399 B1 *</td><td>6/2002 Neophytou</td><td>362/576</td></tr></tbody></table>

\* cited by examiner

Primary Examiner—Sandra O’Shea
Assistant Examiner—John Anthony Ward

## (57) ABSTRACT

The invention is directed to an optically marked surface. In the preferred embodiment, the optically marked surface **(15)** comprises a light
source **(16)**, a surface to be marked **(18)**, optical material **(19)** capable of illumination by the light source.
`

// openings are what texts begin with.
var openings = []string{
	"Halifax, 3 May 1912\n\nDear Sir,", "# Receipt No. 0040\n\nHarbour Stores",
	"My dear Margaret, your letter of the 14th came with the last boat, and I was glad of it",
	"Memorandum of Agreement made this day between the parties", "To the Harbour Master, Port of Halifax",
	"Received with thanks the sum of twelve pounds",
}

// furnish fills the desk the way that a working day does, and gives one document to look at and one that failed.
func (d *desk) furnish() (id, broken string) {
	scan, err := os.ReadFile("../../examples/samples/patent-2004.png")
	if err != nil {
		d.t.Fatal(err)
	}
	now := time.Now()
	status := func(s document.Status, pages, done int, age time.Duration) func(*document.Record) {
		return func(r *document.Record) {
			r.Bucket, r.Status, r.Pages, r.PagesDone, r.WindowStart, r.Size = "bucket", s, pages, done, now.Add(-age),
				200_000
			if s == document.StatusDone {
				r.Text = openings[len(r.Name)*7%len(openings)]
			}
		}
	}
	for i := range 60 {
		d.write(fmt.Sprintf("archive/1912/letter-%03d.%s", i, [...]string{"png", "pdf", "tiff"}[i%3]),
			func(r *document.Record) {
				status(document.StatusDone, 1+i%3*4, 1+i%3*4, time.Duration(20+i*7)*time.Minute)(r)
				r.Text = openings[i*5%len(openings)]
			})
	}
	d.write("archive/ledger-1897.tiff", func(r *document.Record) {
		status(document.StatusDone, 148, 148, 11*time.Minute)(r)
		r.Warnings = []string{document.WarnPageFailed, document.WarnTruncated}
	})
	d.write("inbox/minutes-of-the-board.pdf", status(document.StatusProcessing, 36, 21, 40*time.Second))
	d.write("inbox/receipt-0041.jpg", status(document.StatusProcessing, 1, 0, 4*time.Second))
	d.write("inbox/receipt-0040.heic", status(document.StatusDone, 1, 1, 9*time.Second))
	d.write("inbox/contract-locked.pdf", func(r *document.Record) {
		status("", 0, 0, 3*time.Minute)(r)
		failed(document.CodeEncrypted)(r)
	})
	d.write("inbox/atlas-sheet-7.tiff", func(r *document.Record) {
		status(document.StatusRetrying, 0, 0, 70*time.Second)(r)
		r.Due, r.Attempt = now.Add(45*time.Second), 2
		r.Error = &document.Error{Code: document.CodeOCRUnavailable, Message: "503 Service Unavailable",
			Retryable: true}
	})
	d.bucket.PutAs("inbox/patent-2004.png", 7, scan)
	id = d.write("inbox/patent-2004.png", func(r *document.Record) {
		status(document.StatusDone, 1, 1, 25*time.Second)(r)
		r.Text, r.Model, r.Usage = patentText, "lightonai/LightOnOCR-2-1B",
			document.Usage{PromptTokens: 1433, CompletionTokens: 612}
	})
	broken = d.write("inbox/scan-cut-off.jpg", func(r *document.Record) {
		status("", 0, 0, 2*time.Minute)(r)
		failed(document.CodeCorrupt)(r)
		r.Error.Message = "the file ends in the middle of its picture"
	})
	d.bucket.PutAs("inbox/scan-cut-off.jpg", 7, scan[:4000])
	d.known(broken)
	return id, broken
}
