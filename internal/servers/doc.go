// Package servers asks the real servers that a client of package ocr meets, vLLM, LiteLLM before it and llama-server,
// the questions of a contract, and holds the stand-in, package ocrtest, to what they answer. It is tests only.
//
// The everyday tests compare the stand-in with the answers that testdata keeps. The integration tests install the
// servers from PyPI, run them with a model that model.py writes, and ask the same questions on the same code path; with
// -update they write the answers down:
//
//	make servers
//	go test -tags integration ./internal/servers -run Real -update
//	go test -tags nightly ./internal/servers -run RealLlama -update
//
// Files, in reading order:
//
//	questions_test.go           the questions
//	answers_test.go             asking, and what of an answer counts
//	standin_test.go             the stand-in beside the answers that were kept, and the differences that are known
//	model_test.go               what the model writes, for the stand-in
//	answers.json, model.py      the model
//	llama.py                    llama-server, out of a wheel
//	install.sh                  the servers, from PyPI
//	install_integration_test.go what it says where something is missing
//	start_test.go               starting and stopping them
//	deaths_test.go              how a server ends, real or not
//	folder_test.go              the program that reads a folder by them
//	agree_test.go               a real server beside the stand-in
//	client_test.go              what the client makes of hard answers
//	servers_integration_test.go vLLM, and LiteLLM before it, beside the stand-in
//	versions_integration_test.go the table of versions
//	reading_nightly_test.go     what servers_integration_test.go has no time for
//	thirdfamily_nightly_test.go vLLM with a model of the architecture of LightOnOCR-3
//	llama_nightly_test.go       llama-server
//	queue_nightly_test.go       more pages than a server reads in time
//	restarts_test.go            many images while the server is replaced
//	restarts_integration_test.go with the stand-in
//	restarts_nightly_test.go    with vLLM
//	deaths_nightly_test.go      every end of vLLM
package servers
