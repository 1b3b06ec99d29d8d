// Package ocr reads page images with LightOnOCR, a vision model that turns a page into Markdown, behind an OpenAI-style
// API: vLLM, also on Cloud Run or behind LiteLLM, or llama-server. It needs nothing but the standard library.
//
//	client, err := ocr.New(ocr.Config{URL: "https://ocr-abc.a.run.app", Token: idToken})
//	result, err := client.ExtractText(ctx, ocr.File("page.png"))
//
// # What is sent
//
// One user message with one image and nothing else: the model was trained on that, and a friendly instruction makes it
// worse. Temperature, top_p and max_tokens always go along, since the server's defaults would apply otherwise, and so
// does vLLM's detection of loops, which most other servers ignore. What differs from one family of models to the next
// is in its [Profile]: the edge that pages are to be scaled down to, the sampling, the longest answer, the size of the
// context, the switch that stops the Qwen3.5 based ones from thinking aloud. Config.Profile names the family of a model
// that is served under an alias. Detection and switch are left out, for as long as the client lives, where the server
// refuses them by name; no more tokens are asked for than the context leaves beside the page, as the server states it,
// its refusal says, or else as the family has it. In ModeLayout the word "grounding" follows the image; only
// LightOnOCR-3 knows it.
//
// The image is PNG or JPEG, which every server reads, recognised by its first bytes. It must be upright: whether a
// server turns it as its Exif data says depends on the version, so a JPEG whose first 24 KiB state another orientation
// than 1 is refused ([KindBadImage]): turn its pixels and leave the statement out. It goes from its reader through
// base64 into the connection: a call holds some 24 KiB of it and their base64, whatever its size, and Content-Length is
// exact. Requests over 32 MiB, Cloud Run's limit, are refused before anything is opened; that is an image of about 24
// MiB.
//
// # What comes back
//
// A status of 200 is not yet success. The finish reason says more:
//
//	stop        the page is complete, and kept whole whatever is in it; without text it is blank
//	length      a limit cut the text off. If the limit was ours, the client continues from there, once. If the server
//	            does not continue, or the text is cut off again, it asks once more with all the room that the context
//	            has; else "truncated"
//	repetition  the server detected a loop: asked again at a higher temperature, at most twice; else cut after the
//	            first repeated piece, "repetition"
//	abort       the server shuts down: asked once more, else KindAborted
//	any other   KindBadResponse
//
// A gateway says stop for loops and aborted answers as well; what it keeps of the server's own reason beside that goes
// before.
//
// Loops are detected here as well, since servers without detection let them run and a model can end one by itself. The
// detector asks whether a text holds more equal pieces than a page of paper can. What a page could just hold is a
// doubt, and costs one further answer: a page that was cut off is asked for with all the room that the context has,
// hotter; two answers that the model ended and that hold the same loop, as long in both, agree that it is on the page.
// What remains in doubt is kept whole, with "repetition"; copies are only cut off where the text was cut off itself and
// no page can hold them. Tables and such that a cut leaves open are closed.
//
// A further answer never makes a result worse: it is one request that begins only if the context outlasts it, a
// complete answer that has lost most of the page does not replace it, and neither does an empty one. A page costs three
// answers at most, and four where it is turned: Image.Look tells, after a loop, an empty answer or a few words on much
// ink, that the page seems to lie on its side. An empty answer to a page with ink is asked for once more; then it is
// "no_text", and not blank.
//
// The text is Markdown with tables in HTML and formulas between dollars. Backslashes that the model sometimes puts
// before such dollars are removed, prices and code are left alone. Headers, footers and page numbers are part of the
// text, descriptions of pictures are not: layout mode has them in its blocks. There a paragraph that goes on in the
// next column is one in the text, a word split between the two is whole, and titles, formulas and code are marked as
// such even where the model did not. Two readings of one page can differ, digits included. Whoever made the page
// controls the text: escape it before it is shown on a web page.
//
// # What goes wrong
//
// Every failure is an *[Error]. Its Kind says what to do:
//
//   - [KindBadImage], [KindTooLarge], [KindImageSource]: this page, which will fail again
//   - [KindBackendFailed], [KindTimeout], [KindBadResponse], [KindLost]: this page, or the server; only another page
//     tells, sent afterwards
//   - [KindOverloaded], [KindUnavailable], [KindAborted]: the server; try later
//   - [KindBadRequest], [KindUnauthenticated], [KindForbidden], [KindToken], [KindWrongModel], [KindWrongAddress]: the
//     configuration, which must be
//     corrected
//   - [KindCanceled]: the caller
//
// Only what may pass in seconds is tried again within a call, three times unless Config.MaxTries says otherwise, with
// waits from half a second up that follow Retry-After up to 30 s: refused connections and such as break while the page
// is sent, 429, 502 and 503 at once, and a 500 of the platform or of a gateway that cannot reach the server. A 401 of
// the platform leads to one try with a fresh token, an unknown model to the question which there are. A time-out never
// is: vLLM stops when its client hangs up, but Cloud Run does not pass that on, so the GPU would have the page twice. A
// 500 of the server or a connection that is lost after the page was sent is not either, since it may be the page that
// causes it; but one that had been idle is replaced by a fresh one, once.
//
// # Time
//
// Config.Timeout, 120 s unless set, is for one try, from connecting to the last byte of the answer. During a cold start
// nothing arrives at all until container and model are up, so it must be longer than that; measure it. An error names
// the phase that was reached. The token has 10 s of its own. The context bounds the whole call with all its tries.
//
// Result and error hold every [Try] of the call: when it began, how long it took, what it cost and how it ended. That
// is what traces and metrics are made of; Config.Header lets a trace continue in the server.
//
// # Safety
//
// The ID token goes to the configured origin only: no redirect is followed, no proxy used, and plain http is refused
// but on this machine. With an API key, which takes the Authorization header, it moves to X-Serverless-Authorization.
// No error holds a token, a key or a piece of the image, although servers send those back: error bodies are read up to
// 64 KiB, cleaned and cut.
//
// # Files
//
// In reading order, each using mostly what is declared in those after it:
//
//	client.go    Config, Client and its methods; addresses
//	reading.go   one page: which answers it is asked for, and which is the best
//	call.go      one question: its tries, and the waits between them
//	try.go       one try: the request under way, its phases and its end
//	models.go    profiles, and which of the server's models is asked
//	response.go  what comes back: answers and refusals
//	answer.go    one answer: how it ended, what of it is kept, how it compares
//	closing.go   what a cut leaves open
//	loops.go     loops in a text: what a page can hold
//	runs.go      what repeats itself in a text
//	layout.go    the blocks of layout mode
//	dollars.go   the dollars of its formulas
//	request.go   what is sent: token, JSON, image
//	errors.go    Error, Kind and Phase, and what a message may hold
//
// # Sources
//
// vLLM's source between 0.27.1 and 0.30.0 (entrypoints/openai, entrypoints/serve, multimodal/media, v1/core/sched),
// LightOnOCR's repository and model cards, llama.cpp's and Ollama's servers, LiteLLM 1.108.7 before vLLM 0.30.0, Cloud
// Run's documentation on limits, authentication and troubleshooting. The sibling package ocrtest is a server that
// behaves like all of them.
package ocr
