# Tasks for people and for CI. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MODULES := . localocr bench examples/listener-go examples/function-go

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GORELEASER := github.com/goreleaser/goreleaser/v2@v2.14.3

.PHONY: help up build test race detected undetected integration servers nightly lint vulncheck generate bench ci snapshot

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## read what is dropped into ./inbox, and show it on a live page
	go run ./cmd/bucketocr up

build: ## all modules
	@for m in $(MODULES); do echo "== $$m"; go build -C $$m ./...; done

test: ## run the everyday tier, which needs only Go
	go test ./...

# The detector makes code five to twenty times slower, and sees only what runs at the same time. These run without it:
# decoders, which start no goroutines; the tests of page, except for a few; docs; deploy.sh; bench, whose memory figures
# it would distort; and tests that do one thing after the other, or the same a thousand times. Some of them need PDFium,
# which takes the detector half a minute to compile. -cpu 1 works around a bug in Go 1.26: threads that run the timers
# of a synctest bubble share the race detector's state of a thread, which occasionally crashes (golang.org/issue/78156,
# fixed in 1.27).
ALONE := $$(go list ./internal/page/... ./deploy/... ./docs/... | grep -v '/page/sandbox$$')
ONE_BY_ONE := ^Test(Framework|ReadPages|DecodersAreCompiledOnce|Program|RetryMany|BackfillMany|StandInAnswersAs.*|Texts|NoPriceBecomesAFormula|RepairIsLinear|LayoutIsLinear)$$
AT_ONCE := ^Test(CloseWhileReading|ContextEndsTheDecoder|NeighboursOfAnEndlessPageGoOn|PageReportsItsWaiting|PagesAreSafeForConcurrentUse|WaitingForATurnEndsWithTheContext)$$
RACE := go test -race -cpu 1 -shuffle=on -count=1 -timeout 20m
race: ## the same with the race detector, shuffled, in every module (needs a C compiler)
	@$(MAKE) --no-print-directory -j 2 detected undetected
detected:
	@go list ./internal/worker ./... | grep -vxF "$(ALONE)" | xargs $(RACE) -skip '$(ONE_BY_ONE)'
	@$(RACE) -run '$(AT_ONCE)' ./internal/page
undetected:
	@go test -shuffle=on -count=1 $(ALONE)
	@go test -shuffle=on -count=1 -run '$(ONE_BY_ONE)' . ./cmd/bucketocr ./internal/servers ./ocr
	@go test -C bench -count=1 ./...
	@for m in localocr examples/listener-go examples/function-go; do $(RACE:test=test -C $$m) ./...; done

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
	go vet -tags noheic ./...
	go run $(GOLANGCI) run
	go run $(GOLANGCI) run --build-tags "integration,nightly"
	git ls-files -z "*.sh" .ci/run .ci/tests | xargs -0 shellcheck
	go run $(ACTIONLINT)

vulncheck: ## known vulnerabilities, where the database can be reached
	@for m in $(MODULES); do (cd $$m && go run $(GOVULNCHECK) ./...); done

generate: ## the reference tables in docs, from the code
	go generate ./docs

bench: ## the measurements of docs/performance.md, the quick ones: some fifteen minutes (Linux)
	go run -C bench . --quick

ci: ## all that CI runs; installs what it lacks
	.ci/run

snapshot: ## archives of the programs for Linux, macOS and Windows, in dist; publishes nothing
	go run $(GORELEASER) check
	go run $(GORELEASER) release --snapshot --clean --skip=publish
