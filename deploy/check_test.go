package deploytest

import (
	"strings"
	"testing"
)

// quotas of Cloud Run as --check reads them: REGION:VALUE in Google's own units.
const (
	newQuotas = "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion=europe-west4:3 MemAllocPerProjectRegion=:42949672960 CpuAllocPerProjectRegion=:20000"
	bigQuotas = "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion=:8 MemAllocPerProjectRegion=europe-west4:-1 CpuAllocPerProjectRegion=europe-west4:400000"
	noQuotas  = "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion=europe-west4:0 MemAllocPerProjectRegion=europe-west4:21474836480 CpuAllocPerProjectRegion=europe-west4:4000"
)

// TestCheckSaysWhatToDo: --check reads existing resources and each quota in its own unit, and says per line what to do.
func TestCheckSaysWhatToDo(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	for _, tt := range []struct {
		name  string
		given []string
		env   []string
		code  int
		want  []string
		not   string
	}{
		{"a project without its APIs", nil, []string{"FAKE_QUOTA=" + newQuotas}, 0, []string{
			"later    a deploy enables these APIs: artifactregistry cloudbuild ",
			" storage.googleapis.com cloudquotas.googleapis.com --project=my-project",
			"unknown  Cloud Run in europe-west4: its API is not enabled yet",
			"unknown  gs://my-scans: its API is not enabled yet",
			"nothing is missing; 6 could not be checked"}, "another project"},
		{"roles that are missing", []string{"services\t"},
			[]string{"FAKE_LACKS=run.services.setIamPolicy datastore.databases.create", "FAKE_QUOTA=" + newQuotas}, 1,
			[]string{
				"MISSING  run.services.setIamPolicy", "--role=roles/run.admin", "MISSING  datastore.databases.create",
				"--role=roles/datastore.owner", "2 missing"}, ""},
		{"roles that settings need", []string{"services\t"},
			[]string{"FAKE_LACKS=pubsub.topics.setIamPolicy secretmanager.secrets.setIamPolicy", "FAKE_QUOTA=" + newQuotas,
				"NOTIFY_TOPIC=ended", "HF_TOKEN_SECRET=hf:1"}, 1,
			[]string{
				"MISSING  pubsub.topics.setIamPolicy", "--role=roles/pubsub.admin",
				"MISSING  secretmanager.secrets.setIamPolicy", "--role=roles/secretmanager.admin", "2 missing"}, ""},
		{"roles that no setting needs", []string{"services\t"},
			[]string{"FAKE_LACKS=pubsub.topics.setIamPolicy secretmanager.secrets.setIamPolicy", "FAKE_QUOTA=" + newQuotas},
			0, nil, "MISSING"},
		{"a topic of another project", []string{"services\t"},
			[]string{"FAKE_LACKS=pubsub.topics.setIamPolicy", "FAKE_QUOTA=" + newQuotas,
				"NOTIFY_TOPIC=projects/theirs/topics/ended"}, 0,
			[]string{"unknown  your role on projects/theirs/topics/ended: it is in another project"}, "MISSING"},
		{"a region without a GPU", []string{"services\t"}, []string{"REGION=europe-west9", "FAKE_QUOTA=" + newQuotas},
			1, []string{
				"maybe    nvidia-l4 in europe-west9: Cloud Run is documented to have it in asia-south1 asia-southeast1 europe-west1",
				"MISSING  Cloud Run in europe-west9", "choose one of these: europe-west1 europe-west4"}, ""},
		{"a new project", []string{"services\t"}, []string{"FAKE_QUOTA=" + newQuotas}, 0, []string{
			"ok       quota of L4 GPUs in europe-west4: 3, 1 needed",
			"maybe    quota of GiB of memory in europe-west4: 40. 24 are used, but a deploy may be held against 56.",
			"if it says MemAllocPerProjectRegion, ask for 56 at https://console.cloud.google.com/iam-admin/quotas?project=my-project",
			"ok       quota of CPUs in europe-west4: 20, 20 needed",
			"maybe    Cloud Build in europe-west4: a new project may be refused there",
			"builds are possible in us-central1 us-west2 europe-west1",
			"ok       gs://my-scans does not exist and will be created in europe-west4",
			"ok       the database (default) does not exist",
		}, "MISSING"},
		{"none of it is named", []string{"services\t"}, []string{"FAKE_QUOTA=x=y"}, 0, []string{
			"unknown  quota of L4 GPUs in europe-west4: no value is listed: Cloud Run grants 3 with the first deploy"},
			"MISSING  quota"},
		{"a big project", []string{"services\t"}, []string{"FAKE_QUOTA=" + bigQuotas, "REGION=europe-west1"}, 0,
			[]string{
				"ok       quota of L4 GPUs in europe-west1: 8, 1 needed", "ok       Cloud Build in europe-west1"},
			"MISSING"},
		{"no GPUs and little else", []string{"services\t"}, []string{"FAKE_QUOTA=" + noQuotas}, 1, []string{
			"MISSING  quota of L4 GPUs in europe-west4: 0 of 1 needed",
			"MISSING  quota of GiB of memory in europe-west4: 20 of 24 needed",
			"ask for 56 (MemAllocPerProjectRegion = 60129542144)",
			"MISSING  quota of CPUs in europe-west4: 4 of 12 needed", "ask for 20 (CpuAllocPerProjectRegion = 20000)"},
			""},
		{"another GPU", []string{"services\t"}, []string{"GPU_TYPE=nvidia-rtx-pro-6000",
			"FAKE_QUOTA=NvidiaRtxPro6000GpuAllocNoZonalRedundancyPerProjectRegion=europe-west4:1000 " + newQuotas}, 1,
			[]string{
				"ok       quota of RTX PRO 6000 GPUs in europe-west4: 1, 1 needed",
				"MISSING  quota of GiB of memory in europe-west4: 40 of 88 needed"}, ""},
		{"no GPU of one's own", []string{"services\t"}, []string{"OCR_URL=https://ocr.example.com"}, 0, nil, "quota"},
		{"an old gcloud", []string{"services\t"}, []string{"FAKE_VERSION=490.0.0", "FAKE_QUOTA=" + newQuotas}, 1,
			[]string{"MISSING  gcloud 511 or newer (this is 490)"}, ""},
		{"a database in Datastore mode", []string{"services\t", "firestore databases (default)\tDATASTORE_MODE"},
			[]string{"FAKE_QUOTA=" + newQuotas}, 1, []string{
				"MISSING  a usable database: (default) is of type DATASTORE_MODE",
				"set FIRESTORE_DATABASE to the name of another"}, ""},
		{"a bucket of another project", []string{"services\t"},
			[]string{"FAKE_REAL=foreign-bucket", "FAKE_QUOTA=" + newQuotas}, 1, []string{
				"MISSING  gs://my-scans: it belongs to another project", "choose another BUCKET"}, ""},
		{"a bucket elsewhere", []string{"services\t", "storage buckets gs://my-scans\tus 123456789012"},
			[]string{"FAKE_QUOTA=" + newQuotas}, 0, []string{
				"ok       Eventarc in us"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.given(t, tt.given...)
			out, changed := f.command(t, tt.env, "--check")
			if out.code != tt.code || len(changed) > 0 {
				t.Errorf("exit %d, changed %v: %s", out.code, changed, out.stderr)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.stderr, want) {
					t.Errorf("%q is not in %s", want, out.stderr)
				}
			}
			if tt.not != "" && strings.Contains(out.stderr, tt.not) {
				t.Errorf("%q is in %s", tt.not, out.stderr)
			}
		})
	}
}
