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

// tokenHeader proves, together with the origin, that a request that changes something comes from our page: the token is
// sent over the page's own events only, which no other origin may read.
const tokenHeader = "X-Bucketocr-Token"

// policy is the page's content-security policy: own scripts and styles in files, own images, no frame, no form, and no
// way to make a script of a string.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types page-text formulas"

// guard returns a handler that checks a request before next gets it.
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
			http.Error(w, "This page answers to the address that bucketocr printed, and to no other name.",
				http.StatusMisdirectedRequest)
			return
		}
		if s.c.Key != "" && !s.admit(w, r) {
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") && !s.ourPage(r, crossOrigin) {
			refuse(w, http.StatusForbidden, "This request does not come from the page itself. Load the page again.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// KeyParameter is the query parameter by which an address opens the page.
const KeyParameter = "key"

// keyCookie holds the key in a browser that was let in. It is kept for a year, so that a bookmark goes on working.
const (
	keyCookie = "bucketocr-page"
	keyTime   = 365 * 24 * time.Hour
)

// admit reports whether a request comes from a browser that was let in: every user of this machine can reach the page,
// and it shows what is in files that only one of them may read. The key in the address lets a browser in, and is then
// taken out of its address bar. Where admit returns false it has answered.
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
	http.Error(w, "Open the address that bucketocr printed: the key in it lets this browser in.", http.StatusForbidden)
	return false
}

func (s *Server) isKey(got string) bool {
	return subtle.ConstantTimeCompare([]byte(got), []byte(s.c.Key)) == 1
}

// ourHost reports whether the Host of a request is a name that no other machine can have: a name that an attacker owns
// and points at this machine (DNS rebinding) is none. Addresses in numbers are, since no DNS is asked for them.
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

// ourPage reports whether a request for the API may be answered: none from another site, and one that changes something
// only with the page's token and a browser's word that it is from the same origin.
func (s *Server) ourPage(r *http.Request, crossOrigin *http.CrossOriginProtection) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return site != "cross-site" && site != "same-site"
	}
	told := site == "same-origin" || site == "" && r.Header.Get("Origin") != ""
	token := subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(s.token)) == 1
	return told && token && crossOrigin.Check(r) == nil
}
