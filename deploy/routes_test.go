//go:build integration || nightly

package deploytest

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
)

// tail is the end of the name of a service account.
const tail = "@" + project + ".iam.gserviceaccount.com"

// routes are the requests of deploy.sh and gcloud, by API.
var routes = []route{
	// Service Usage, Resource Manager, IAM
	{"GET", "/v1/projects/[^/]+/services", func(g *google, _ *http.Request, _ []string, _ object) (int, any) {
		return 200, object{"services": g.under("/v1/projects/" + number + "/services")}
	}},
	{"GET", "/v1/projects/[^/]+/services/([^/]+)",
		func(g *google, _ *http.Request, args []string, _ object) (int, any) {
			return 200, object{"config": object{"name": args[0]}, "state": "ENABLED"}
		}},
	{"POST", "/v1/projects/[^/]+/services/([^/:]+):enable",
		func(g *google, _ *http.Request, args []string, _ object) (int, any) {
			g.things["/v1/projects/"+number+"/services/"+args[0]] = object{"config": object{"name": args[0]},
				"state": "ENABLED"}
			return 200, object{"name": "operations/noop.DONE_OPERATION", "done": true}
		}},
	{"POST", "/v1/projects/[^/]+/services:batchEnable",
		func(g *google, _ *http.Request, _ []string, body object) (int, any) {
			ids, _ := body["serviceIds"].([]any)
			for _, id := range ids {
				g.things[fmt.Sprintf("/v1/projects/%s/services/%v", number, id)] = object{"config": object{"name": id},
					"state": "ENABLED"}
			}
			return 200, object{"name": "operations/noop.DONE_OPERATION", "done": true}
		}},
	{"GET", "/v1/projects/[^/:]+", get},
	{"POST", "(/v1/projects/[^/:]+):getIamPolicy", getPolicy},
	{"POST", "(/v1/projects/[^/:]+):setIamPolicy", setPolicy},
	{"POST", "/v1beta1/projects/[^/]+/services/([^/:]+):generateServiceIdentity", serviceIdentity},
	{"GET", "/v1/projects/[^/]+/serviceAccounts", list("accounts")},
	{"POST", "/v1/projects/[^/]+/serviceAccounts",
		func(g *google, r *http.Request, _ []string, body object) (int, any) {
			email := fmt.Sprintf("%v@%s.iam.gserviceaccount.com", body["accountId"], project)
			path := r.URL.Path + "/" + email
			if _, ok := g.things[path]; ok {
				return 409, failure(409, "ALREADY_EXISTS", email)
			}
			g.things[path] = object{"email": email, "name": strings.TrimPrefix(path, "/v1/")}
			return 200, g.things[path]
		}},
	{"GET", "/v1/projects/[^/]+/serviceAccounts/[^/:]+", get},
	{"POST", "(/v1/projects/[^/]+/serviceAccounts/[^/]+):getIamPolicy", getPolicy},
	{"POST", "(/v1/projects/[^/]+/serviceAccounts/[^/]+):setIamPolicy", setPolicy},

	// Cloud Storage
	{"GET", "/storage/v1/projects/[^/]+/serviceAccount", func(*google, *http.Request, []string, object) (int, any) {
		return 200, object{"email_address": "service-" + number + "@gs-project-accounts.iam.gserviceaccount.com"}
	}},
	{"POST", "/storage/v1/b", func(g *google, r *http.Request, _ []string, body object) (int, any) {
		path := fmt.Sprintf("/storage/v1/b/%v", body["name"])
		if _, ok := g.things[path]; ok {
			return 409, failure(409, "ALREADY_EXISTS", path)
		}
		location, _ := body["location"].(string)
		body["location"], body["projectNumber"], body["id"] = strings.ToUpper(location), number, body["name"]
		g.things[path] = body
		return 200, body
	}},
	{"GET", "/storage/v1/b", func(g *google, _ *http.Request, _ []string, _ object) (int, any) {
		return 200, object{"items": g.under("/storage/v1/b")}
	}},
	{"GET", "/storage/v1/b/[^/]+", func(g *google, r *http.Request, args []string, body object) (int, any) {
		if thing, ok := g.things[r.URL.Path]; ok {
			return 200, thing
		}
		return 404, failure(404, "", "The specified bucket does not exist.")
	}},
	{"GET", "(/storage/v1/b/[^/]+)/iam", getPolicy},
	{"PUT", "(/storage/v1/b/[^/]+)/iam", setPolicy},
	{"GET", "/storage/v1/b/([^/]+)/o/(.+)", func(_ *google, _ *http.Request, args []string, _ object) (int, any) {
		return 200, object{"bucket": args[0], "name": args[1], "generation": "1700000000000001", "metageneration": "1"}
	}},
	{"POST", "/(?:resumable/)?upload/storage/v1/b/([^/]+)/o", upload},
	{"PUT", "/(?:resumable/)?upload/storage/v1/b/([^/]+)/o", upload},

	// Artifact Registry, Cloud Build
	{"GET", "/v1/projects/[^/]+/locations/[^/]+/repositories/[^/]+", get},
	{"POST", "/v1/projects/[^/]+/locations/[^/]+/repositories", create("repositoryId", true)},
	{"PATCH", "/v1/projects/[^/]+/locations/[^/]+/repositories/[^/]+", patch(false)},
	{"GET", "/v1/projects/[^/]+/locations/[^/]+/repositories/[^/]+/packages", list("packages")},
	{"GET", "/v1/projects/[^/]+/locations/[^/]+/repositories/[^/]+/packages/[^/]+", get},
	{"GET", "/v1/projects/[^/]+/locations/[^/]+/repositories/[^/]+/packages/[^/]+/tags", list("tags")},
	{"POST", "/v1/projects/([^/]+)/locations/[^/]+/builds", build},
	{"GET", "/v1/projects/[^/]+/locations/[^/]+/builds",
		func(g *google, r *http.Request, _ []string, _ object) (int, any) {
			all := g.under(r.URL.Path)
			slices.Reverse(all) // the newest comes first
			return 200, object{"builds": all}
		}},
	{"GET", "/v1/projects/[^/]+/locations/[^/]+/builds/[^/]+", get},

	// Cloud Run
	{"GET", "/apis/serving.knative.dev/v1/namespaces/[^/]+/services", list("items")},
	{"GET", "/v1/projects/([^/]+)/locations/-/services",
		func(g *google, _ *http.Request, args []string, _ object) (int, any) {
			return 200, object{"items": g.under("/apis/serving.knative.dev/v1/namespaces/" + args[0] + "/services")}
		}},
	{"GET", "/apis/serving.knative.dev/v1/namespaces/[^/]+/services/[^/]+", get},
	{"POST", "/apis/serving.knative.dev/v1/namespaces/[^/]+/services", runService},
	{"PUT", "/apis/serving.knative.dev/v1/namespaces/[^/]+/services/[^/]+", runService},
	{"POST", "/v2/projects/[^/]+/locations/[^/]+/builds:submit", submitBuild},
	{"GET", "(/v1/projects/[^/]+/locations/[^/]+/services/[^/:]+):getIamPolicy", getPolicy},
	{"POST", "(/v1/projects/[^/]+/locations/[^/]+/services/[^/:]+):setIamPolicy", setPolicy},

	// Eventarc, Pub/Sub, Cloud Scheduler
	{"GET", "/v1/projects/[^/]+/locations/([^/]+)/triggers",
		func(g *google, r *http.Request, args []string, _ object) (int, any) {
			all := []any{}
			for path, thing := range g.things {
				if strings.Contains(path, "/triggers/") &&
					(args[0] == "-" || strings.Contains(path, "/locations/"+args[0]+"/")) {
					all = append(all, thing)
				}
			}
			return 200, object{"triggers": all}
		}},
	{"GET", "/v1/projects/[^/]+/locations/[^/]+/triggers/[^/]+", get},
	{"POST", "/v1/projects/[^/]+/locations/[^/]+/triggers", create("triggerId", true)},
	{"PATCH", "/v1/projects/[^/]+/locations/[^/]+/triggers/[^/]+", patch(true)},
	{"GET", "/v1/projects/[^/]+/(?:topics|subscriptions)/[^/]+", get},
	{"PUT", "/v1/projects/[^/]+/(?:topics|subscriptions)/[^/]+",
		func(g *google, r *http.Request, _ []string, body object) (int, any) {
			if _, ok := g.things[r.URL.Path]; ok {
				return 409, failure(409, "ALREADY_EXISTS", r.URL.Path)
			}
			g.things[r.URL.Path] = body
			return 200, body
		}},
	{"PATCH", "/v1/projects/[^/]+/subscriptions/[^/]+", patch(false)},
	{"GET", "/v1/projects/[^/]+/locations/[^/]+/jobs/[^/]+", get},
	{"POST", "/v1/projects/[^/]+/locations/[^/]+/jobs", create("name", false)},
	{"PATCH", "/v1/projects/[^/]+/locations/[^/]+/jobs/[^/]+", patch(false)},

	// Firestore
	{"GET", "/v1/projects/[^/]+/databases/[^/]+", get},
	{"POST", "/v1/projects/[^/]+/databases", create("databaseId", true)},
	{"GET", "/v1/projects/([^/]+)/databases/([^/]+)/collectionGroups/([^/]+)/fields", listFields},
	{"PATCH", "/v1/projects/[^/]+/databases/[^/]+/collectionGroups/[^/]+/fields/[^/]+", patchField},
	{"GET", "/v1/(projects/[^/]+/databases/[^/]+)/collectionGroups/[^/]+/indexes",
		func(g *google, _ *http.Request, args []string, _ object) (int, any) {
			return 200, object{"indexes": g.under("/v1/" + args[0] + "/indexes")}
		}},
	{"POST", "/v1/(projects/[^/]+/databases/[^/]+)/collectionGroups/([^/]+)/indexes",
		func(g *google, _ *http.Request, args []string, body object) (int, any) {
			body["name"] = fmt.Sprintf("%s/collectionGroups/%s/indexes/abc", args[0], args[1])
			path := "/v1/" + args[0] + "/indexes/abc"
			if _, ok := g.things[path]; ok {
				return 409, failure(409, "ALREADY_EXISTS", "index already exists")
			}
			g.things[path] = body
			return 200, g.done(args[0], body)
		}},

	// Logging, Monitoring
	{"POST", "/v2/entries:list", func(*google, *http.Request, []string, object) (int, any) {
		return 200, object{
			"entries": []object{{"logName": "projects/p/logs/cloudbuild",
				"textPayload": "the last line of the build's log"}}}
	}},
	{"GET", "/v2/projects/[^/]+/metrics/[^/]+", get},
	{"POST", "/v2/projects/[^/]+/metrics", create("name", false)},
	{"PUT", "/v2/projects/[^/]+/metrics/[^/]+", patch(false)},
	{"GET", "/v1/projects/[^/]+/dashboards/[^/]+", get},
	{"POST", "/v1/projects/[^/]+/dashboards", func(g *google, r *http.Request, args []string, body object) (int, any) {
		if body["etag"] != nil {
			return 400, failure(400, "INVALID_ARGUMENT", "an etag of what is not there yet")
		}
		body["etag"] = "etag-1"
		return create("name", false)(g, r, args, body)
	}},
	{"PATCH", "/v1/projects/[^/]+/dashboards/[^/]+",
		func(g *google, r *http.Request, args []string, body object) (int, any) {
			if thing := g.things[r.URL.Path]; thing == nil || thing["etag"] != body["etag"] {
				return 409, failure(409, "ABORTED", "another etag")
			}
			body["etag"] = "etag-2"
			return patch(false)(g, r, args, body)
		}},
	{"GET", "/v3/projects/[^/]+/alertPolicies", list("alertPolicies")},
	{"POST", "/v3/projects/([^/]+)/alertPolicies",
		func(g *google, r *http.Request, args []string, body object) (int, any) {
			g.serial++
			body["name"] = fmt.Sprintf("projects/%s/alertPolicies/%d", args[0], g.serial)
			g.things[fmt.Sprintf("%s/%d", r.URL.Path, g.serial)] = body
			return 200, body
		}},
	{"GET", "/v1/.*/operations/[^/]+", get},

	// what destroy takes down
	{
		"DELETE", "(/(?:v1|v2|v3)/projects/.*/(?:triggers|repositories|packages|topics|subscriptions|jobs|metrics|alertPolicies|dashboards|serviceAccounts)/[^/]+)",
		remove},
	{"DELETE", "(/apis/serving.knative.dev/v1/namespaces/[^/]+/services/[^/]+)", remove},

	// what destroy keeps, and people may delete
	{"GET", "(/storage/v1/b/[^/]+/o)", func(g *google, _ *http.Request, args []string, _ object) (int, any) {
		return 200, object{"items": g.under(args[0])}
	}},
	{"GET", "/storage/v1/b/[^/]+/(?:storageLayout|managedFolders)",
		func(*google, *http.Request, []string, object) (int, any) { return 200, object{} }},
	{"DELETE", "(/storage/v1/b/[^/]+/o/.+)", remove},
	{"DELETE", "(/storage/v1/b/[^/]+)", func(g *google, r *http.Request, args []string, body object) (int, any) {
		if len(g.under(args[0]+"/o")) > 0 {
			return 409, failure(409, "", "The bucket you tried to delete is not empty.")
		}
		return remove(g, r, args, body)
	}},
	{"PATCH", "/v1/projects/[^/]+/databases/[^/:]+", patch(true)},
	{"POST", "/v1/(projects/[^/]+/databases/[^/:]+):bulkDeleteDocuments",
		func(g *google, _ *http.Request, args []string, _ object) (int, any) {
			return 200, g.done(args[0], object{})
		}},
	{"DELETE", "/v1/(projects/[^/]+/databases/[^/:]+)",
		func(g *google, r *http.Request, args []string, _ object) (int, any) {
			if g.things[r.URL.Path]["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED" {
				return 400, failure(400, "FAILED_PRECONDITION", "Database delete protection is enabled.")
			}
			delete(g.things, r.URL.Path)
			return 200, g.done(args[0], object{})
		}},

	// Firebase's rules
	{"GET", "/v1/projects/[^/]+/(?:releases|rulesets)/[^/]+", get},
	{"POST", "/v1/projects/([^/]+)/rulesets", func(_ *google, _ *http.Request, args []string, _ object) (int, any) {
		return 200, object{"name": "projects/" + args[0] + "/rulesets/new"}
	}},
	{"PATCH", "/v1/projects/[^/]+/releases/[^/]+", patch(false)},

	// the document of the sample
	{"GET", "/v1/projects/[^/]+/databases/[^/]+/documents/ocr_documents/[0-9a-f]{64}",
		func(_ *google, r *http.Request, _ []string, _ object) (int, any) {
			fields := object{
				"generation": object{"integerValue": "1700000000000001"}, "status": object{"stringValue": "done"},
				"text": object{"stringValue": "PATENT \"one\" \\ 2004\n\n| é |"},
			}
			asked := object{}
			for _, name := range r.URL.Query()["mask.fieldPaths"] {
				if v, ok := fields[name]; ok {
					asked[name] = v
				}
			}
			return 200, object{"name": r.URL.Path, "fields": asked}
		}},
}

// serviceIdentity creates the platform's own account for an API, and grants its role, like the real one.
func serviceIdentity(g *google, _ *http.Request, args []string, _ object) (int, any) {
	api, _, _ := strings.Cut(args[0], ".")
	email := fmt.Sprintf("service-%s@gcp-sa-%s.iam.gserviceaccount.com", number, api)
	policy := g.things["/v1/projects/"+project+"#iam"]
	bindings, _ := policy["bindings"].([]any)
	policy["bindings"] = append(bindings,
		object{"role": "roles/" + api + ".serviceAgent", "members": []any{"serviceAccount:" + email}})
	return 200, object{"name": "operations/finished.DONE_OPERATION", "done": true,
		"response": object{"email": email, "uniqueId": "1"}}
}

// needsProject reports whether an API refuses a user's token without a quota project.
func needsProject(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/releases") || strings.Contains(r.URL.Path, "/rulesets")
}

// runService stores a service, whose newest revision is ready at once.
func runService(g *google, r *http.Request, _ []string, body object) (int, any) {
	meta := body["metadata"].(object)
	name, _ := meta["name"].(string)
	path := "/apis/serving.knative.dev/v1/namespaces/" + project + "/services/" + name
	if _, ok := g.things[path]; ok && r.Method == http.MethodPost {
		return 409, failure(409, "ALREADY_EXISTS", name)
	}
	if r.URL.Query().Get("dryRun") != "" {
		return 200, body
	}
	g.serial++
	rev := fmt.Sprintf("%s-%05d", name, g.serial)
	url := fmt.Sprintf("https://%s-%s.%s.run.app", name, number, region)
	meta["generation"], meta["resourceVersion"] = g.serial, fmt.Sprint(g.serial)
	body["status"] = object{
		"url": url, "address": object{"url": url}, "observedGeneration": g.serial,
		"latestCreatedRevisionName": rev, "latestReadyRevisionName": rev,
		"conditions": []any{object{"type": "Ready", "status": "True"},
			object{"type": "ConfigurationsReady", "status": "True"}, object{"type": "RoutesReady", "status": "True"}},
		"traffic": []any{object{"percent": 100, "latestRevision": true, "revisionName": rev}},
	}
	g.things[path] = body
	return 200, body
}

// build is a successful Cloud Build build that pushes its image.
func build(g *google, r *http.Request, args []string, body object) (int, any) {
	g.serial++
	id := fmt.Sprintf("00000000-0000-0000-0000-%012d", g.serial)
	body["id"], body["status"], body["projectId"] = id, "SUCCESS", args[0]
	body["name"] = fmt.Sprintf("%s/%s", strings.TrimPrefix(r.URL.Path, "/v1/"), id)
	body["logUrl"] = "https://console.cloud.google.com/build"
	g.things[r.URL.Path+"/"+id] = body
	subs, _ := body["substitutions"].(object)
	if image, _ := subs["_IMAGE"].(string); image != "" {
		_, tag, _ := strings.Cut(image, ":")
		repo := fmt.Sprintf("projects/%s/locations/%s/repositories/bucketocr/packages/ocr", project, region)
		g.things["/v1/"+repo] = object{"name": repo}
		g.things["/v1/"+repo+"/tags/"+tag] = object{"name": repo + "/tags/" + tag}
	}
	return 200, object{"name": "operations/build/" + id, "done": true,
		"metadata": object{"@type": "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata",
			"build": body}, "response": body}
}

// submitBuild is Cloud Run's build from source, which has succeeded by the time it is queried.
func submitBuild(g *google, _ *http.Request, _ []string, body object) (int, any) {
	g.serial++
	id := fmt.Sprintf("00000000-0000-0000-0000-%012d", g.serial)
	place := fmt.Sprintf("projects/%s/locations/%s", project, region)
	logs := "https://console.cloud.google.com/cloud-build/builds;region=" + region + "/" + id + "?project=" + number
	if g.failing {
		g.failing = false
		failed := object{"name": place + "/builds/" + id, "id": id, "projectId": project, "status": "FAILURE",
			"logUrl":         logs,
			"serviceAccount": "projects/" + project + "/serviceAccounts/bucketocr-builder" + tail,
			"failureInfo": object{"type": "FETCH_SOURCE_FAILED",
				"detail": "bucketocr-builder does not have storage.objects.get access"}}
		g.things["/v1/"+place+"/builds/"+id] = failed
		op := object{"name": place + "/operations/" + id, "done": true,
			"error": object{"code": 2, "message": "Build failed; check build logs for details"},
			"metadata": object{"@type": "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata",
				"build": failed}}
		g.things["/v1/"+place+"/operations/"+id] = op
		return 200, object{"buildOperation": op, "baseImageUri": "go126"}
	}
	done := object{"name": place + "/builds/" + id, "id": id, "projectId": project, "status": "SUCCESS",
		"logUrl": logs,
		"results": object{
			"images": []any{object{"name": body["imageUri"], "digest": "sha256:" + strings.Repeat("c", 64)}}}}
	op := object{"name": place + "/operations/" + id, "done": true, "response": done,
		"metadata": object{"@type": "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata",
			"build": done}}
	g.things["/v1/"+place+"/operations/"+id] = op
	return 200, object{"buildOperation": op, "baseImageUri": "go126"}
}

// listFields answers with the fields that have their own settings, according to gcloud's filter.
func listFields(g *google, _ *http.Request, args []string, _ object) (int, any) {
	fields := []any{}
	prefix := fmt.Sprintf("/v1/projects/%s/databases/%s/collectionGroups/", args[0], args[1])
	for path, thing := range g.things {
		if strings.HasPrefix(path, prefix) && (args[2] == "-" || strings.HasPrefix(path, prefix+args[2]+"/")) {
			fields = append(fields, thing)
		}
	}
	return 200, object{"fields": fields}
}

// patchField sets a field's indexes or its TTL, whichever the mask names.
func patchField(g *google, r *http.Request, _ []string, body object) (int, any) {
	field, ok := g.things[r.URL.Path]
	if !ok {
		field = object{"name": strings.TrimPrefix(r.URL.Path, "/v1/"),
			"indexConfig": object{"usesAncestorConfig": true}}
		g.things[r.URL.Path] = field
	}
	switch r.URL.Query().Get("updateMask") {
	case "indexConfig":
		field["indexConfig"] = object{"ancestorField": "__default__"}
	case "ttlConfig":
		field["ttlConfig"] = object{"state": "CREATING"}
	default:
		return 400, failure(400, "INVALID_ARGUMENT", "mask "+r.URL.RawQuery)
	}
	return 200, g.done("projects/"+project+"/databases/(default)", field)
}

// upload accepts an object in one piece, with or without preceding metadata.
func upload(g *google, r *http.Request, args []string, body object) (int, any) {
	raw, _ := body["raw"].([]byte)
	kind, _ := body["contentType"].(string)
	name := r.URL.Query().Get("name")
	if _, boundary, ok := strings.Cut(kind, "boundary="); ok { // in quotes that no MIME parser knows
		parts := multipart.NewReader(bytes.NewReader(raw), strings.Trim(boundary, `'"`))
		head, err := parts.NextPart()
		if err != nil {
			return 400, failure(400, "INVALID_ARGUMENT", err.Error())
		}
		var described object
		_ = json.NewDecoder(head).Decode(&described)
		if described["name"] != nil {
			name, _ = described["name"].(string)
		}
		media, err := parts.NextPart()
		if err != nil {
			return 400, failure(400, "INVALID_ARGUMENT", err.Error())
		}
		raw, _ = io.ReadAll(media)
	}
	sum := md5.Sum(raw)
	g.uploads[name] = raw
	return 200, object{"bucket": args[0], "name": name, "generation": "1700000000000001", "metageneration": "1",
		"size": fmt.Sprint(len(raw)), "md5Hash": base64.StdEncoding.EncodeToString(sum[:])}
}

// remove deletes a thing.
func remove(g *google, r *http.Request, args []string, _ object) (int, any) {
	if _, ok := g.things[args[0]]; !ok {
		return missing(args[0])
	}
	maps.DeleteFunc(g.things, func(path string, _ object) bool {
		return path == args[0] || strings.HasPrefix(path, args[0]+"/")
	})
	if strings.Contains(args[0], "/triggers/") || strings.Contains(args[0], "/repositories/") { // an operation
		return 200, g.done("projects/"+project+"/locations/"+region, object{})
	}
	return 200, object{}
}
