//go:build integration || nightly

package deploytest

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// machine is the metadata server of a Google machine, which offers its account to every caller, and counts requests for
// it.
type machine struct{ asked atomic.Int32 }

func (m *machine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "/service-accounts/") { // gcloud always asks for the machine itself
		m.asked.Add(1)
	}
	w.Header().Set("Metadata-Flavor", "Google")
	switch path := r.URL.Path; {
	case r.URL.Query().Get("recursive") == "true":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"email":"machine@my-project.iam.gserviceaccount.com","scopes":["https://www.googleapis.com/auth/cloud-platform"]}`)
	case strings.HasSuffix(path, "/token"):
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"of-the-machine","expires_in":3600,"token_type":"Bearer"}`)
	case strings.HasSuffix(path, "/email"):
		fmt.Fprint(w, "machine@my-project.iam.gserviceaccount.com")
	case strings.HasSuffix(path, "/service-accounts/"):
		fmt.Fprint(w, "default/\nmachine@my-project.iam.gserviceaccount.com/\n")
	case strings.HasSuffix(path, "/scopes"):
		fmt.Fprint(w, "https://www.googleapis.com/auth/cloud-platform\n")
	case strings.HasSuffix(path, "/numeric-project-id"):
		fmt.Fprint(w, number)
	default:
		fmt.Fprint(w, "my-project")
	}
}
