// Package ocrtest provides a fake OCR service on a loopback port: vLLM with LightOnOCR, alone, behind Cloud Run or
// behind LiteLLM, or a llama-server. It is meant for tests of every layer that talks to such a service, and uses real
// HTTP, where most failures occur.
//
//	server := ocrtest.New(t, ocrtest.RequireToken("https://ocr.example"))
//	server.Next(ocrtest.Platform(429), ocrtest.Text("# Page"))
//	client, err := ocr.New(ocr.Config{URL: server.URL, Audience: "https://ocr.example", Token: ocrtest.FixedToken})
//
// A [Reply] determines the response to one request. [Server.Next] queues replies, [Server.For] sets the reply for an
// image, and [Server.Default] the one for all other requests; by default, the text of a page identifies its image. For
// replies of the model ([Text], [Finish], …) the request passes vLLM's checks, in vLLM's order, so that wrong requests
// are refused as in reality; replies of the platform ([Platform]) and raw replies ignore the request.
//
// Tests need not sleep: a [Gate] holds requests until it is opened and reports how many it holds, and counts are
// updated before the client sees the response. [NewMetadata] starts a fake metadata server, as on a Google Cloud
// machine, for ID tokens.
//
// The fake does not read images, does not stream tokens, and counts tokens exactly only for images. Bodies and statuses
// were recorded from real servers (package internal/servers compares them) or come from Cloud Run's troubleshooting
// page.
//
// Files, in reading order:
//
//	handler.go   handling of a request
//	gateway.go   LiteLLM in front of the server
//	llama.go     a llama-server in place of vLLM
//	writing.go   a model that follows the request: limits, loops, continued texts
//	answer.go    replies of the model
//	counts.go    records of requests, and the choice of replies
//	check.go     vLLM's checks of requests
//	platform.go  replies of Cloud Run, and of a failing engine
//	server.go    the server, its options and its script
//	reply.go     replies of any form
//	metadata.go  the metadata server
//	gate.go      holding requests
//	shared.go    helpers for both servers: tests, connections
//	request.go   requests for a page
//	token.go     ID tokens
package ocrtest
