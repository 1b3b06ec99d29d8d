# Tasks for people and for CI. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MODULES := . localocr bench examples/listener-go examples/function-go

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GORELEASER := github.com/goreleaser/goreleaser/v2@v2.14.3

.PHONY: help up build test race integration servers nightly lint vulncheck generate bench ci snapshot

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## read what is dropped into ./inbox, and show it on a live page
	go run ./cmd/bucketocr up

build: ## all modules
	@for m in $(MODULES); do echo "== $$m"; go build -C $$m ./...; done

test: ## run the everyday tier, which needs only Go
	go test ./...

# -cpu 1 works around a bug in Go 1.26: threads that run the timers of a synctest bubble share the race detector's state
# of a thread, which occasionally crashes (golang.org/issue/78156, fixed in 1.27). The decoders, which start no goroutines
# and are slow with the detector, those tests of page that take long with it and look at one file after the other, and
# the tests of deploy.sh run without it.
ONE_BY_ONE := ^Test(InkTellsPrintFromPaper|LinesThatRunDownAreNoticed|CutOffAtEveryByte|CutOffPNGEndsWithAnError|HeaderMemoryCoversTheDecoder|BookletIsWhatItSays|ConvertedPage|FaintWritingIsNotBlank|HostileFilesEndWell|TurnedPageIsTheTurnedPage|TextThatTakesTooMuchIsNotAskedAgain|EnginesAreCompiledBeforehand)$$
race: ## the same with the race detector, shuffled, in every module (needs a C compiler)
	@without=$$(go list ./internal/page/... ./deploy/... | grep -vE '/page(/sandbox)?$$'); \
	  echo "== without the detector"; go test -shuffle=on -count=1 $$without; \
	  go test -shuffle=on -count=1 -run '$(ONE_BY_ONE)' ./internal/page; \
	  echo "== ."; go list ./... | grep -vxF "$$without" | \
	    xargs go test -race -cpu 1 -shuffle=on -count=1 -timeout 20m -skip '$(ONE_BY_ONE)'
	@for m in localocr examples/listener-go examples/function-go; do \
	  echo "== $$m"; (cd $$m && go test -race -cpu 1 -shuffle=on -count=1 -timeout 20m ./...); done
	go test -C bench -count=1 ./... # without the detector, which would distort its memory figures
	go test -count=1 -run '^TestProgram$$' ./cmd/bucketocr # hundreds of processes, slow with the detector

integration: ## tests that need gcloud and its emulators, Java, Chromium, Firefox, npm or Python (vLLM)
	@.ci/tests integration

servers: ## compare vLLM, LiteLLM and llama-server with the fake (versions: VLLM=, TRANSFORMERS=, LITELLM=)
	go test -tags integration -count=1 -timeout 30m -v -run 'Real' ./internal/servers $(if $(VLLM)$(TRANSFORMERS),-record)
	$(if $(VLLM)$(TRANSFORMERS),,go test -tags nightly -count=1 -timeout 30m -v -run '^TestRealLlama$$' ./internal/servers)

export VLLM TRANSFORMERS LITELLM

nightly: ## the long ones: mutants, simulations, every cut of a deploy, fuzzing
	@.ci/tests nightly

lint: ## gofmt, vet, linters, the rules for imports, tidy modules, shell scripts, the workflow
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change: $$(gofmt -l .)"; exit 1; }
	@for m in $(MODULES); do \
	  echo "== $$m"; \
	  go vet -C $$m ./...; \
	  go mod -C $$m tidy -diff; done
	go vet -tags "integration nightly" ./...
	go vet -tags noheic ./...
	go run $(GOLANGCI) run
	go run $(GOLANGCI) run --build-tags "integration,nightly"
	git ls-files -z "*.sh" .ci/run .ci/tests | xargs -0 shellcheck
	go run $(ACTIONLINT)

vulncheck: ## known vulnerabilities, where the database can be reached
	@for m in $(MODULES); do (cd $$m && go run $(GOVULNCHECK) ./...); done

generate: ## the reference tables in docs, from the code
	go generate ./docs

bench: ## the measurements of docs/performance.md, the quick ones: some six minutes (Linux)
	go run -C bench . --quick

ci: ## all that CI runs; installs what it lacks
	.ci/run

snapshot: ## archives of the programs for Linux, macOS and Windows, in dist; publishes nothing
	go run $(GORELEASER) check
	go run $(GORELEASER) release --snapshot --clean --skip=publish
