package ui

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// tokenHeader carries a token which proves, together with the origin, that a request to change something comes from the
// page itself: the token is sent only in the page's event stream, which no other origin may read.
const tokenHeader = "X-Bucketocr-Token"

// policy is the page's Content-Security-Policy: scripts, styles and images only from the page's own files, no frames,
// no forms, and no scripts made from strings.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types page-text formulas"

// guard returns a handler that checks requests before passing them to next.
func (s *Server) guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		if !s.ourHost(r.Host) {
			http.Error(w, "This page is available only at the address that bucketocr printed.",
				http.StatusMisdirectedRequest)
			return
		}
		if s.c.Key != "" && !s.admit(w, r) {
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") && !s.ourPage(r, crossOrigin) {
			refuse(w, http.StatusForbidden, "This request does not come from the page itself. Reload the page.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// KeyParameter is the query parameter that holds the key.
const KeyParameter = "key"

// keyCookie stores the key in a browser that has been admitted. It is kept for a year, so that bookmarks keep working.
const (
	keyCookie = "bucketocr-page"
	keyTime   = 365 * 24 * time.Hour
)

// admit reports whether a request comes from an admitted browser: every user of this machine can reach the page, which
// shows files that only one of them may read. The key in the address admits a browser, which is then redirected to the
// address without it. If admit returns false, it has sent the response.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet && s.isKey(r.URL.Query().Get(KeyParameter)) {
		http.SetCookie(w, &http.Cookie{
			Name: keyCookie, Value: s.c.Key, Path: "/", MaxAge: int(keyTime.Seconds()), HttpOnly: true,
			SameSite: http.SameSiteStrictMode,
		})
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return false
	}
	if c, err := r.Cookie(keyCookie); err == nil && s.isKey(c.Value) {
		return true
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "Open the address that bucketocr printed: it contains the key for this browser.",
		http.StatusForbidden)
	return false
}

func (s *Server) isKey(got string) bool {
	return subtle.ConstantTimeCompare([]byte(got), []byte(s.c.Key)) == 1
}

// ourHost reports whether the Host of a request is safe from DNS rebinding, in which an attacker's name resolves to
// this machine. Loopback names, configured names and IP addresses, which need no DNS, are safe.
func (s *Server) ourHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(s.c.Hosts, host) {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// ourPage reports whether a request to the API is allowed. Requests from other sites are not, and requests to change
// something need the page's token and headers that show the same origin.
func (s *Server) ourPage(r *http.Request, crossOrigin *http.CrossOriginProtection) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return site != "cross-site" && site != "same-site"
	}
	told := site == "same-origin" || site == "" && r.Header.Get("Origin") != ""
	token := subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(s.token)) == 1
	return told && token && crossOrigin.Check(r) == nil
}
