// Package ocrtest is a stand-in for an OCR service on a loopback port: vLLM with LightOnOCR, alone, behind Cloud Run or
// behind LiteLLM, or a llama-server. It is for tests of every layer that meets such a service, and speaks real HTTP,
// since that is where most of what goes wrong goes wrong.
//
//	server := ocrtest.New(t, ocrtest.RequireToken("https://ocr.example"))
//	server.Next(ocrtest.Platform(429), ocrtest.Text("# Page"))
//	client, err := ocr.New(ocr.Config{URL: server.URL, Audience: "https://ocr.example", Token: ocrtest.FixedToken})
//
// A [Reply] says what one request gets. [Server.Next] puts replies into a queue, [Server.For] sets one for an image,
// [Server.Default] for all the rest; without any, a page is read as its own description. Replies of the model ([Text],
// [Finish], …) go through the checks that vLLM makes, in its order, so that a wrong request is refused as it would be;
// replies of the platform ([Platform]) and the raw ones come without a look at the request.
//
// No test needs to wait: a [Gate] holds requests until it is opened and says how many it holds, and every count is
// settled before the client sees the answer. [NewMetadata] is the metadata server of a Google machine, for ID tokens.
//
// It is not the model: it cannot read, streams no tokens, and its counts of tokens are right for images only. Bodies
// and statuses are those that real servers gave (package internal/servers asks both), and those of Cloud Run's
// troubleshooting page.
//
// Files, in reading order:
//
//	handler.go   a request, from its arrival to its answer
//	gateway.go   LiteLLM in front of it
//	llama.go     a llama-server in its place
//	writing.go   a model that obeys the request: limits, loops, texts to continue
//	answer.go    replies of the model
//	counts.go    what a server has seen, and the reply that is next
//	check.go     what vLLM refuses
//	platform.go  replies of Cloud Run, and of an engine that fails
//	server.go    the server, its options and its script
//	reply.go     replies of any shape
//	metadata.go  the metadata server
//	gate.go      holding requests
//	shared.go    what both servers need of a test and of a connection
//	request.go   what came for one page
//	token.go     ID tokens
package ocrtest
