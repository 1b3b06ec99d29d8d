package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// baseURL reads OCR_URL. The client adds /v1 itself, but everybody writes it, so it is taken off.
func baseURL(p *string) kind {
	return kind{
		limit: "http or https URL like https://ocr-xyz.run.app, without user, query, fragment, or anything after /v1",
		set: func(value string) error {
			base, err := parseBase(value)
			if err != nil {
				return err
			}
			*p = base
			return nil
		},
		show: showURL,
	}
}

func showURL(value string) string {
	if strings.ContainsAny(value, "@?#") {
		return "the URL " + hidden // there may be a password in it
	}
	return fmt.Sprintf("%.100q", value)
}

func parseBase(value string) (string, error) {
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return "", errors.New("is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("does not begin with http:// or https://")
	case u.Hostname() == "" || !validPort(u):
		return "", errors.New("has no host, or no proper port")
	case u.User != nil:
		return "", errors.New("holds a user: give a key in OCR_API_KEY")
	case strings.ContainsAny(value, "?#"):
		return "", errors.New("holds a query or fragment")
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	path = strings.TrimRight(strings.TrimSuffix(path, "/v1"), "/")
	if strings.Contains(path+"/", "/v1/") {
		return "", errors.New("is an endpoint, not the base URL")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host) + path, nil
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// origin is scheme and host of a base URL, with its port unless that is the scheme's own.
func origin(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	host := u.Host
	if own := map[string]string{"http": "80", "https": "443"}; u.Port() == own[u.Scheme] {
		host = strings.TrimSuffix(host, ":"+own[u.Scheme])
	}
	return u.Scheme + "://" + host
}

// plainHTTP tells whether a base URL is not encrypted, and loopback whether it stays on this machine.
func plainHTTP(base string) bool { return strings.HasPrefix(base, "http://") }

func loopback(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}
