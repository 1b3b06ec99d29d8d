package document

// PageBreak joins the texts of pages: a line holding a form feed.
const PageBreak = "\n\f\n"
