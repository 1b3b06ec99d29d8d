package ocrtest

import "fmt"

// platformWords holds Cloud Run's messages by status, from its troubleshooting page.
var platformWords = map[int]string{
	401: "The request was not authorized to invoke this service. Read more at https://cloud.google.com/run/docs/securing/authenticating",
	403: "The request was not authenticated. Either allow unauthenticated invocations or set the proper Authorization header.",
	404: "Not Found",
	413: "Request Entity Too Large",
	429: "Rate exceeded.",
	500: "The request was aborted because there was no available instance.",
	502: "Bad Gateway",
	503: "The request failed because either the HTTP response was malformed or connection to the instance had an error.",
	504: "The request has been terminated because it has reached the maximum request timeout.",
}

// NotStarted is the message of the platform's other 500: the container could not start.
const NotStarted = "The request failed because the instance could not start successfully."

// Platform returns a reply of Cloud Run itself: 401, 403, 404, 413, 429, 500, 502, 503 or 504, as text or HTML, never
// as JSON.
func Platform(status int) Reply { return PlatformText(status, platformWords[status]) }

// PlatformText is like Platform, with another message.
func PlatformText(status int, words string) Reply {
	r := With("Server", "Google Frontend", HTML(status, fmt.Sprintf(platformPage, status, status, words)))
	switch status {
	case 401:
		return With("WWW-Authenticate",
			`Bearer error="invalid_token" error_description="The access token could not be verified"`, r)
	case 429:
		return With("Server", "Google Frontend", Raw(status, "text/plain; charset=utf-8", words))
	}
	return r
}

const platformPage = `
<html><head>
<meta http-equiv="content-type" content="text/html;charset=utf-8">
<title>%d</title>
</head>
<body text=#000000 bgcolor=#ffffff>
<h1>Error: %d</h1>
<h2>%s</h2>
<h2></h2>
</body></html>
`

// EngineFailed returns vLLM's reply when its engine failed on the page; the message may be empty.
func EngineFailed(message string) Reply { return engineReply(500, "InternalServerError", message) }

func engineReply(status int, kind, message string) Reply {
	r := Error(status, kind, "", message)
	r.model = true
	return r
}

// Dies returns the reply of a server whose engine process has died. The server then goes down, until [Server.Up].
func Dies() Reply {
	r := engineReply(500, "InternalServerError", engineDead)
	inner := r.write
	r.write = func(w writer, req *Request) {
		w.Header().Set("Connection", "close")
		req.server.Down()
		inner(w, req)
	}
	return r
}

const engineDead = "EngineCore encountered an issue. See stack trace (above) for the root cause."

// Echo returns a validation error that repeats the whole image, twice, like vLLM's.
func Echo() Reply {
	return Reply{write: func(w writer, r *Request) {
		message := fmt.Sprintf(
			"1 validation error:\n  {'type': 'string_type', 'loc': ('body', 'messages'), 'input': %q, 'url': %q}",
			r.URL, r.URL)
		Error(400, "Bad Request", "body.messages", message).write(w, r)
	}}
}

// Scaling returns vLLM's reply while it changes its number of engines.
func Scaling() Reply {
	return StringError(503, "The model is currently scaling. Please try again later.")
}
