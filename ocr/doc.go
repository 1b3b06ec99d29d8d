// Package ocr reads page images with LightOnOCR, a vision model that turns a page into Markdown. The model is served
// through an OpenAI-style API, by vLLM (also on Cloud Run, or behind LiteLLM) or by llama-server. The package depends
// only on the standard library.
//
//	client, err := ocr.New(ocr.Config{URL: "https://ocr-abc.a.run.app", Token: idToken})
//	result, err := client.ExtractText(ctx, ocr.File("page.png"))
//
// # Requests
//
// A request has one user message with one image and nothing else: the model was trained on that, and instructions make
// its output worse. Temperature, top_p and max_tokens are always set, since the server's defaults would apply
// otherwise, and so are the parameters of vLLM's loop detection, which most other servers ignore. A [Profile] holds
// what differs between families of models: the edge that pages should be scaled down to, the sampling parameters, the
// longest answer, the size of the context, and the switch that keeps models based on Qwen3.5 from thinking aloud.
// Config.Profile selects the family of a model that is served under an alias. If the server rejects the loop detection
// or the switch by name, the client omits it from then on. It never asks for more tokens than the context leaves beside
// the page; the size of the context is taken from the server's list of models, from a refusal, or else from the
// profile. In ModeLayout the word "grounding" follows the image; only LightOnOCR-3 understands it.
//
// The image must be a PNG or JPEG, which every server supports; the format is detected from its first bytes. It must be
// upright. Whether a server applies an Exif orientation depends on its version, so a JPEG whose first 24 KiB declare an
// orientation other than 1 is refused ([KindBadImage]): rotate its pixels and drop the tag. The image is streamed from
// its reader into the connection: whatever its size, a call buffers only some 24 KiB of it together with their base64,
// and Content-Length is exact. Requests over 32 MiB, Cloud Run's limit, are refused before the image is opened; that
// corresponds to an image of about 24 MiB.
//
// # Answers
//
// Status 200 does not by itself mean success. The finish reason decides:
//
//	stop        the answer is complete and is kept whole, whatever it contains; without text the page is blank
//	length      a limit cut the text off. If the limit was the client's, it continues from there, once. If the server
//	            cannot continue, or the text is cut off again, it asks once more with all the room in the context;
//	            after that, "truncated"
//	repetition  the server detected a loop: the client asks again at a higher temperature, at most twice; after that,
//	            the text is cut after the first repeated piece, "repetition"
//	abort       the server is shutting down: the client asks once more; after that, KindAborted
//	any other   KindBadResponse
//
// A gateway also reports stop for loops and aborted answers; the server's own reason, if the gateway passes it on,
// takes precedence.
//
// The client detects loops too, since not every server does, and since a model can end a loop by itself. The criterion
// is whether a text has more equal pieces than a sheet of paper can hold. A loop that would just fit on a page is
// doubtful, and costs one further answer: if the text was cut off, that answer gets all the room in the context, at a
// higher temperature. If two answers that the model ended contain the same loop with the same length, it is taken to be
// on the page. A text that remains doubtful is kept whole, with "repetition"; copies are removed only if the text was
// cut off and no page can hold them. Tables and other constructs that a cut leaves open are closed.
//
// A further answer never makes a result worse. It is a single request, made only if the context leaves enough time for
// it, and it does not replace a better answer if it is empty or, unless the page lies on its side, has lost most of the
// page. A page costs at most three
// answers, or four if it is rotated: after a loop, an empty answer, or only a few words on a page with much ink, the
// client calls Image.Look to find out whether the page seems to lie on its side. If the answer for a page with ink is
// empty, the client asks once more; if it is empty again, the result has the warning "no_text" and is not blank.
//
// The text is Markdown with tables in HTML and formulas between dollar signs. Backslashes that the model sometimes puts
// before these dollar signs are removed; prices and code are left alone. Headers, footers and page numbers are part of
// the text. Descriptions of pictures are not; layout mode returns them in its blocks. In layout mode a paragraph that
// continues in the next column is joined, including a word split between columns, and titles, formulas and code get
// their markup even if the model omitted it. Two readings of the same page can differ, even in digits. The author of
// the page controls the text: escape it before showing it on a web page.
//
// # Errors
//
// Every error is an *[Error]. Its Kind tells what is at fault:
//
//   - [KindBadImage], [KindTooLarge], [KindImageSource]: the page, which will fail again
//   - [KindBackendFailed], [KindTimeout], [KindBadResponse], [KindLost]: the page or the server; send another page
//     to find out which
//   - [KindOverloaded], [KindUnavailable], [KindAborted]: the server; try again later
//   - [KindBadRequest], [KindUnauthenticated], [KindForbidden], [KindToken], [KindWrongModel], [KindWrongAddress]: the
//     configuration, which must be corrected
//   - [KindCanceled]: the caller's context
//
// A call retries only errors that may pass within seconds, with four tries in all unless Config.MaxTries is set, and
// with waits that start at half a second and follow Retry-After up to 30 s. These errors are connections that are
// refused or break while the page is being sent, 429, an immediate 502 or 503, and a 500 from the platform or from a
// gateway that cannot reach the server. After a 401 from the platform the call tries once with a fresh token, and after
// an error about an unknown model it asks the server for its models. Time-outs are never retried: vLLM stops when its
// client disconnects, but Cloud Run does not pass that on, so the GPU would process the page twice. Nor are a 500 from
// the server or a connection lost after the page was sent, since the page may be the cause; but a connection that had
// been idle is replaced by a fresh one, once.
//
// # Time
//
// Config.Timeout, 120 s by default, limits one try, from connecting to the last byte of the answer. During a cold start
// no byte arrives until container and model are up, so the time-out must be longer than that; measure it. An error
// names the phase that was reached. Obtaining the token has a limit of its own, 10 s. The context bounds the whole call
// with all its tries.
//
// Results and errors hold every [Try] of the call, with its start, its duration, its cost and its outcome, for use in
// traces and metrics. Config.Header lets a trace continue in the server.
//
// # Safety
//
// The ID token is sent only to the configured origin: the client follows no redirects, uses no proxy, and refuses plain
// http except on the local machine. With an API key, which uses the Authorization header, the ID token is sent in
// X-Serverless-Authorization. Errors never contain a token, a key or part of the image, although servers may echo them:
// error bodies are read up to 64 KiB, cleaned and shortened.
//
// # Files
//
// In reading order; each file mostly uses declarations of later ones:
//
//	client.go    Config, Client and its methods; addresses
//	reading.go   one page: its answers, and the choice of the best
//	call.go      one question: its tries, and the waits between them
//	try.go       one try: a request, its phases and its outcome
//	models.go    profiles, and the choice among the server's models
//	response.go  responses: answers and refusals
//	answer.go    one answer: its ending, the text kept, comparison with others
//	closing.go   closing of constructs that a cut leaves open
//	loops.go     loops in a text, judged by what a page can hold
//	runs.go      repetitions in a text
//	layout.go    the blocks of layout mode
//	dollars.go   dollar signs around formulas
//	request.go   requests: token, JSON, image
//	errors.go    Error, Kind and Phase; cleaning of messages
//
// # Sources
//
// vLLM's source between 0.27.1 and 0.30.0 (entrypoints/openai, entrypoints/serve, multimodal/media, v1/core/sched),
// LightOnOCR's repository and model cards, llama.cpp's and Ollama's servers, LiteLLM 1.108.7 before vLLM 0.30.0, Cloud
// Run's documentation on limits, authentication and troubleshooting. The sibling package ocrtest provides a server that
// behaves like any of them.
package ocr
