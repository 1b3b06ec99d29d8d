package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local"
)

// covered is what is known of a command that the documents show: that it is run here, over a folder in place of the
// cloud, or which tests run it, with a stand-in of the cloud or the real thing, or why no test does.
type covered struct {
	here  bool
	tests []string // "folder: Test ..."
	not   string
}

func here() covered                 { return covered{here: true} }
func by(tests ...string) covered    { return covered{tests: tests} }
func notRun(reason string) covered  { return covered{not: reason} }
func settings(which string) covered { return notRun("it sets " + which + " for the commands after it") }

// documented are the commands of README and docs, as written there.
func documented() map[string]covered {
	const placeholder = "its address is a placeholder; "
	return map[string]covered{
		// README: run it here
		"go run ./cmd/bucketocr up --once examples/samples": by(
			"cmd/bucketocr: TestUpTakesAll TestInstalledProgramsAreAllThatIsNeeded"),
		"go install github.com/bucketocr/bucketocr/cmd/bucketocr@latest": by(
			"cmd/bucketocr: TestInstalledProgramsAreAllThatIsNeeded"),
		"go install github.com/bucketocr/bucketocr/localocr@latest": by(
			"cmd/bucketocr: TestInstalledProgramsAreAllThatIsNeeded"),
		"go test ./...": notRun("it is what runs this test"),

		// README: serve the function
		"gcloud emulators firestore start --host-port=127.0.0.1:8081": by(
			"cmd/bucketocr: TestCommandsOverFirestore TestUpWithFirestore"),
		"go run github.com/fsouza/fake-gcs-server@latest -scheme http -port 4443 -backend memory": notRun(
			"it is another project's program; tests have a bucket of their own, internal/gcp/gcptest"),
		"go run -C localocr . -listen 127.0.0.1:8000": by("localocr: TestFlags TestProcessStopsOnSIGTERM"),
		"FIRESTORE_EMULATOR_HOST=127.0.0.1:8081 STORAGE_EMULATOR_HOST=127.0.0.1:4443 GOOGLE_CLOUD_PROJECT=demo-bucketocr " +
			"OCR_URL=http://127.0.0.1:8000 go run ./cmd/bucketocr serve": by(
			"cmd/bucketocr: TestServe TestRealDelivery"),
		`curl -X POST -d '{"name": "scans"}' http://127.0.0.1:4443/storage/v1/b`: notRun(
			"it speaks to fake-gcs-server"),
		"curl --data-binary @examples/samples/lion-1912.png -H 'Content-Type: image/png' " +
			"'http://127.0.0.1:4443/upload/storage/v1/b/scans/o?uploadType=media&name=lion.png'": notRun(
			"it speaks to fake-gcs-server"),
		"export FIRESTORE_EMULATOR_HOST=127.0.0.1:8081 STORAGE_EMULATOR_HOST=127.0.0.1:4443": settings(
			"the emulators' addresses"),
		"go run ./cmd/bucketocr backfill gs://scans --to http://127.0.0.1:8080": by(
			"cmd/bucketocr: TestBackfillMany TestCommandsOverFirestore"),
		"go run ./cmd/bucketocr show --text gs://scans/lion.png": by(
			"cmd/bucketocr: TestShow TestCommandsOverFirestore"),

		// README: deploy, over the stand-in of gcloud
		"export PROJECT_ID=my-project REGION=europe-west1": settings("the project"),
		"./deploy.sh --check":                              by("deploy: TestCheckSaysWhatToDo TestCheck"),
		"./deploy.sh --dry-run all":                        by("deploy: TestDryRun"),
		"./deploy.sh all": by(
			"deploy: TestFirstMinutesOfEverything TestProjectAndRegionAreEnough"),
		"./deploy.sh rules":   by("deploy: TestRules TestSendRules"),
		"./deploy.sh destroy": by("deploy: TestDestroyTakesDownWhatARunLeft"),
		"gcloud storage cp scan.png gs://my-project-scans/": notRun(
			"it is an upload to the real Cloud Storage"),
		"docker build --file deploy/container/Dockerfile --tag bucketocr .": notRun("it needs Docker and its registry"),
		"docker run --rm -p 127.0.0.1:8080:8080 -e OCR_URL=https://... -e GOOGLE_CLOUD_PROJECT=... bucketocr": notRun(
			"it needs Docker; what runs in it is bucketocr serve"),

		// README: operate
		"bucketocr stats": here(),
		"bucketocr watch --status done,failed": by(
			"cmd/bucketocr: TestWatch"),
		"bucketocr list --status failed --prefix gs://my-scans/2025/": here(),
		"bucketocr show gs://my-scans/inbox/a.png --text":             here(),
		"bucketocr export texts --tables markdown":                    here(),
		"bucketocr delete gs://my-scans/inbox/a.png": by(
			"cmd/bucketocr: TestDelete TestDeleteAsks"),
		"bucketocr backfill gs://my-scans/2025/ --dry-run": here(),
		"bucketocr backfill gs://my-scans/2025/ --to https://...": by(
			"cmd/bucketocr: TestBackfillMany TestBackfillSays"),
		"bucketocr backfill gs://my-scans --topic projects/my-project/topics/bucketocr-backfill": by(
			"cmd/bucketocr: TestBackfillTopic"),
		"bucketocr reconcile gs://my-scans --dry-run":                   here(),
		"bucketocr retry --code ocr_unavailable --dry-run":              here(),
		"bucketocr retry --code ocr_unavailable":                        here(),
		"bucketocr retry --stuck":                                       here(),
		"bucketocr retry --status done --warning truncated":             here(),
		"go run ./cmd/bucketocr plan --gpu nvidia-h100 --burst 1000000": here(),

		// docs/capacity.md
		"go run ./cmd/bucketocr plan --figures docs/example-prices.json --pages-per-second 1.5 --burst 10000": by(
			"cmd/bucketocr: TestDocumentedPlan"),

		// docs/deploy.md
		"export PROJECT_ID=my-project REGION=europe-west1 OCR_URL=https://ocr.example.com": settings(
			"a server of one's own"),
		`gcloud beta monitoring channels create --project="$PROJECT_ID" --display-name=bucketocr --type=email ` +
			`--channel-labels=email_address=on-call@example.com`: by("deploy: TestDocumentedGcloud"),
		`gcloud beta monitoring channels list --project="$PROJECT_ID" --format='value(name)'`: by(
			"deploy: TestDocumentedGcloud"),
		"bucketocr export texts": here(),
		`gcloud storage cp --recursive "gs://$PROJECT_ID-scans" .`: notRun(
			"it is a download from the real Cloud Storage"),
		`gcloud storage rm --recursive "gs://$PROJECT_ID-scans"`: by("deploy: TestDocumentedRemoval"),
		`gcloud firestore databases update --project="$PROJECT_ID" --database='(default)' --no-delete-protection`: by(
			"deploy: TestDocumentedRemoval"),
		`gcloud firestore databases delete --project="$PROJECT_ID" --database='(default)'`: by(
			"deploy: TestDocumentedRemoval"),
		`gcloud firestore bulk-delete --project="$PROJECT_ID" --database='(default)' ` +
			`--collection-ids=ocr_documents,ocr_pages,ocr_documents_turns`: by("deploy: TestDocumentedRemoval"),
		`firebase firestore:delete ocr_documents --recursive --project="$PROJECT_ID" --database='(default)'`: notRun(
			"it needs Firebase's command line"),
		`firebase firestore:delete ocr_documents_turns --recursive --project="$PROJECT_ID" --database='(default)'`: notRun(
			"it needs Firebase's command line"),

		// docs/operations.md
		`export FUNCTION_URL=$(gcloud run services describe bucketocr --project="$PROJECT_ID" --region="$REGION" ` +
			`--format='value(status.url)')`: settings("the function's address"),
		`gcloud run revisions list --service=bucketocr --project="$PROJECT_ID" --region="$REGION"`: by(
			"deploy: TestDocumentedGcloud"),
		`gcloud run services update-traffic bucketocr --project="$PROJECT_ID" --region="$REGION" ` +
			`--to-revisions=REVISION=100`: by("deploy: TestDocumentedGcloud"),
		`gcloud run services remove-iam-policy-binding bucketocr --project="$PROJECT_ID" --region="$REGION" ` +
			`--member="serviceAccount:bucketocr-trigger@$PROJECT_ID.iam.gserviceaccount.com" --role=roles/run.invoker`: by(
			"deploy: TestStopAndStartAgain TestDocumentedGcloud"),
		`gcloud run services remove-iam-policy-binding bucketocr --project="$PROJECT_ID" --region="$REGION" ` +
			`--member="serviceAccount:bucketocr-sweep@$PROJECT_ID.iam.gserviceaccount.com" --role=roles/run.invoker`: by(
			"deploy: TestStopAndStartAgain TestDocumentedGcloud"),
		`gcloud scheduler jobs pause bucketocr-sweep --project="$PROJECT_ID" --location="$REGION"`: by(
			"deploy: TestDocumentedGcloud"),
		`gcloud scheduler jobs pause bucketocr-reconcile --project="$PROJECT_ID" --location="$REGION"`: by(
			"deploy: TestDocumentedGcloud"),
		`gcloud scheduler jobs resume bucketocr-sweep --project="$PROJECT_ID" --location="$REGION"`: by(
			"deploy: TestDocumentedGcloud"),
		`gcloud scheduler jobs resume bucketocr-reconcile --project="$PROJECT_ID" --location="$REGION"`: by(
			"deploy: TestDocumentedGcloud"),
		`gcloud scheduler jobs update http bucketocr-reconcile --project="$PROJECT_ID" --location="$REGION" ` +
			`--update-headers=ce-since=2026-01-01T00:00:00Z`: by("deploy: TestDocumentedGcloud"),
		"./deploy.sh function":                                by("deploy: TestStopAndStartAgain TestFunctionNeedsTheOCRService"),
		"export ID_TOKEN=$(gcloud auth print-identity-token)": settings("its token"),
		"set -a; . ./settings.env; set +a":                    settings("your settings"),
		`gcloud run services describe bucketocr --project="$PROJECT_ID" --region="$REGION"`: by(
			"deploy: TestDocumentedGcloud"),
		`gcloud run services describe bucketocr-gpu --project="$PROJECT_ID" --region="$REGION"`: by(
			"deploy: TestDocumentedGcloud"),

		// docs/performance.md
		"go run -C bench . --quick":                   by("bench: TestBench"),
		"go run -C bench . latency memory":            by("bench: TestBench"),
		"go run -C bench . peers":                     by("bench: TestPeers"),
		"go run -C bench . --profile /tmp throughput": by("bench: TestBench"),
		"go run -C bench . start":                     by("bench: TestBench"),
		"go test ./internal/page -run '^$' -bench 'Kept$' -benchtime 3x": by(
			"internal/page: TestEnginesAreCompiledBeforehand"),
		"go test ./internal/page -run '^$' -bench 'Sandbox$' -benchtime 10x": notRun(
			"it times what the tests of internal/page do"),
		"go test -run '^$' -bench AgainstVips -benchtime 5x ./internal/page": notRun("it needs libvips"),
		"go test ./internal/page -run '^$' -bench AgainstPDFTools -benchtime 2x": notRun(
			"it needs Poppler and MuPDF"),
		"GODEBUG=inittrace=1 bucketocr version":                  by("cmd/bucketocr: TestVersion"),
		"go test -tags nightly -run TestFrames -v ./internal/ui": by("internal/ui: TestFrames"),
		"go test -C bench -tags nightly ./internal/model":        by("bench/internal/model: TestPlanIsConfirmed"),
		"go test -C bench -tags nightly ./internal/model -run Million -million -v -timeout 1h": by(
			"bench/internal/model: TestMillion"),
		"go test -C bench -tags nightly ./internal/model -run Pace -v": by(
			"bench/internal/model: TestPaceAtTheStart TestPaceWhereAGPUDies TestPaceWhereAGPUSlows TestPaceAndPlan"),

		// docs/servers.md, with the real servers
		"./deploy.sh gpu": by("deploy: TestGPUFlags TestFirstMinutesOfEverything"),
		`vllm serve lightonai/LightOnOCR-2-1B --limit-mm-per-prompt '{"image": 1}' --mm-processor-cache-gb 0 ` +
			`--no-enable-prefix-caching --max-num-seqs 32 --shutdown-timeout 8 --api-key "$KEY"`: by(
			"internal/servers: TestRealServers"),
		"OCR_URL=http://127.0.0.1:8000 go run ./cmd/bucketocr up --once examples/samples": by(
			"internal/servers: TestRealServers"),
		"OCR_URL=https://ocr.example OCR_AUTH=none OCR_API_KEY=... go run ./cmd/bucketocr up --once DIR": notRun(
			placeholder + "up with a server's URL is run by TestProgram"),
		"llama-server -m text.gguf --mmproj mmproj.gguf -c 65536 -np 4 --reasoning-format none": by(
			"internal/servers: TestRealLlama"),
		"OCR_URL=http://127.0.0.1:8080 go run ./cmd/bucketocr up --once DIR": by(
			"internal/servers: TestRealLlama"),
		"litellm --config litellm.yaml --port 4000": by(
			"internal/servers: TestRealServers"),
		"OCR_URL=http://127.0.0.1:4000 OCR_API_KEY=... OCR_MODEL=lightonai/LightOnOCR-2-1B go run ./cmd/bucketocr up --once DIR": by(
			"internal/servers: TestRealServers"),
		"OCR_URL=https://... OCR_API_KEY_SECRET=ocr-key:1 OCR_MODEL=... OCR_PROFILE=... OCR_AUTH=none ./deploy.sh function": by(
			"deploy: TestFirstMinutesWithoutAGPU TestDocumentedSettings"),
	}
}

// TestDocumentedCommands: every command in README and docs is run here or by another test, or is excluded for a reason;
// and every command of bucketocr exists, with its flags, even within a sentence.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	all := documented()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	scans := myScans(t)
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commandsIn(string(text)) {
			c, known := all[line]
			if !known {
				t.Errorf("%s has a command that no test is known to run:\n%s", file, line)
			}
			if seen[line] {
				continue
			}
			seen[line] = true
			checkFlags(t, file, line)
			if c.here {
				t.Run(line, func(t *testing.T) { runDocumented(t, line, scans) })
			}
		}
		for _, m := range inSentence.FindAllStringSubmatch(string(text), -1) {
			checkFlags(t, file, m[1])
		}
	}
	for line, c := range all {
		if !seen[line] {
			t.Errorf("no document has the command %s", line)
		}
		if !c.here && len(c.tests) == 0 && c.not == "" {
			t.Errorf("nothing is said of %s", line)
		}
		for _, tests := range c.tests {
			folder, names, _ := strings.Cut(tests, ": ")
			for name := range strings.FieldsSeq(names) {
				if !hasTest(t, folder, name) {
					t.Errorf("%s: there is no %s in %s", line, name, folder)
				}
			}
		}
	}
}

var (
	inSentence = regexp.MustCompile("`(bucketocr [a-z][^`]*)`")
	// programs begin commands in what is set off by spaces, where there are drawings and settings, too.
	programs = regexp.MustCompile(
		`^(\w+=\S+ )*(go|bucketocr|\./deploy\.sh|gcloud|curl|docker|vllm|litellm|llama-server|export) `)
	comment = regexp.MustCompile(`\s+# .*$`)
)

// commandsIn returns the commands of a document, each in a line and without its comment: those of fences for sh, and of
// lines set off by spaces.
func commandsIn(text string) (commands []string) {
	fence, begun := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if after, ok := strings.CutPrefix(line, "```"); ok {
			if fence != "" {
				fence = ""
			} else {
				fence = after + "."
			}
			continue
		}
		if fence != "sh." &&
			(fence != "" || !strings.HasPrefix(line, "    ") || begun == "" &&
				!programs.MatchString(strings.TrimSpace(line))) {
			continue
		}
		line = comment.ReplaceAllString(begun+strings.TrimSpace(line), "")
		if part, ok := strings.CutSuffix(line, `\`); ok {
			begun = part
			continue
		}
		if begun = ""; line != "" {
			commands = append(commands, line)
		}
	}
	return commands
}

// ofBucketocr returns the arguments of a command of bucketocr.
func ofBucketocr(line string) ([]string, bool) {
	if _, after, ok := strings.Cut(line, "go run ./cmd/bucketocr "); ok {
		return split(after), true
	}
	after, ok := strings.CutPrefix(line, "bucketocr ")
	return split(after), ok
}

// split takes a line apart as a shell does it, with single quotes.
func split(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// checkFlags checks that bucketocr has the command and each of its flags.
func checkFlags(t *testing.T, file, line string) {
	t.Helper()
	args, ok := ofBucketocr(line)
	if !ok {
		return
	}
	root := newRoot(context.Background(), system{stdout: io.Discard, stderr: io.Discard}, new(int))
	root.InitDefaultHelpCmd()
	cmd, rest, err := root.Find(args)
	if err != nil || cmd == root && !strings.HasPrefix(args[0], "--") {
		t.Errorf("%s: %s: no such command", file, line)
		return
	}
	for _, arg := range rest {
		if name, is := strings.CutPrefix(strings.Trim(arg, "[]"), "--"); is {
			if name, _, _ = strings.Cut(name, "="); cmd.Flags().Lookup(name) == nil {
				t.Errorf("%s: %s: %s has no flag --%s", file, line, cmd.Name(), name)
			}
		}
	}
}

// myScans is a folder in place of the bucket my-scans, in which bucketocr up has worked.
func myScans(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "my-scans")
	(&desk{t: t, dir: dir}).drop("2025/new.png", apptest.PNG(50))
	w, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Bucket.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, records: w.Records, bucket: w.Bucket.Name()}
	o.write(o.record("inbox/a.png", document.StatusDone))
	o.write(o.record("2025/bad.png", document.StatusFailed))
	o.write(o.record("2025/late.png", document.StatusFailed, func(r *document.Record) {
		r.Error.Code = document.CodeOCRUnavailable
	}))
	return dir
}

// runDocumented runs a command of bucketocr over the folder, and wants it to end well.
func runDocumented(t *testing.T, line, scans string) {
	args, _ := ofBucketocr(line)
	if args[0] != "plan" {
		args = append(args, "--local", scans)
	}
	if i := slices.Index(args, "export"); i >= 0 {
		args[i+1] = filepath.Join(t.TempDir(), args[i+1])
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), alone(&out, &errs), args); code != exitGood || out.Len()+errs.Len() == 0 {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
}

// hasTest reports whether a folder's tests have one of the name.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && bytes.Contains(text, fmt.Appendf(nil, "\nfunc %s(", name))
	})
}
