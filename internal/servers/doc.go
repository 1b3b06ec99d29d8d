// Package servers checks package ocrtest, the stand-in for an OCR service, against real servers: it sends the questions
// of a contract to vLLM, LiteLLM in front of it and llama-server, and compares the stand-in's answers with theirs. It
// contains only tests.
//
// The everyday tests compare the stand-in with the answers recorded in testdata. The integration tests install the
// servers from PyPI, run them with a model that model.py writes, and ask the same questions on the same code path; with
// -update they record the answers:
//
//	make servers
//	go test -tags integration ./internal/servers -run Real -update
//	go test -tags nightly ./internal/servers -run RealLlama -update
//
// Files, in reading order:
//
//	questions_test.go           the questions
//	answers_test.go             asking, and which parts of an answer count
//	standin_test.go             the stand-in compared with the recorded answers, and the known differences
//	model_test.go               the model's text, for the stand-in
//	answers.json, model.py      the model
//	llama.py                    llama-server, from a wheel
//	install.sh                  the servers, from PyPI
//	install_integration_test.go install.sh's messages if something is missing
//	start_test.go               starting and stopping them
//	deaths_test.go              how a server ends, real or not
//	folder_test.go              the program that reads a folder with the servers
//	agree_test.go               a real server compared with the stand-in
//	client_test.go              the client's handling of difficult answers
//	servers_integration_test.go vLLM, and LiteLLM in front of it, compared with the stand-in
//	versions_integration_test.go the table of versions
//	reading_nightly_test.go     longer tests than those in servers_integration_test.go
//	thirdfamily_nightly_test.go vLLM with a model of the architecture of LightOnOCR-3
//	llama_nightly_test.go       llama-server
//	queue_nightly_test.go       more pages than a server reads in time
//	restarts_test.go            many images while the server is replaced
//	restarts_integration_test.go with the stand-in
//	restarts_nightly_test.go    with vLLM
//	deaths_nightly_test.go      every way in which vLLM ends
package servers
