package api

import (
	"context"
	"errors"
	"net/http"
)

// A problem is an answer that is not 200.
type problem struct {
	status               int
	kind, param, message string
}

func (p problem) Error() string { return p.message }

// bad is a 400 for a request that is well formed and cannot be served.
func bad(message string) problem {
	return problem{http.StatusBadRequest, "BadRequestError", "", message}
}

// invalid is a 400 for a request of the wrong shape. Unlike vLLM's it never repeats the input.
func invalid(param, message string) problem {
	return problem{http.StatusBadRequest, "Bad Request", param, "1 validation error:\n  " + message}
}

func unknownModel(name string) problem {
	const longest = 200 // bytes of the name that are sent back
	return problem{http.StatusNotFound, "NotFoundError", "model",
		"The model `" + name[:min(len(name), longest)] + "` does not exist."}
}

// ErrStopping is the cause to cancel a request's context with when the server is about to end.
var ErrStopping = errors.New("the server is stopping")

// clientGone is the status in the log of a request whose client hung up.
const clientGone = 499

// asProblem is the answer that err gets. What an engine says stays in the log.
func asProblem(ctx context.Context, err error) problem {
	var p problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(context.Cause(ctx), ErrStopping):
		return problem{http.StatusServiceUnavailable, "ServiceUnavailableError", "", ErrStopping.Error()}
	}
	if ctx.Err() != nil {
		return problem{clientGone, "ClientClosedRequest", "", "the client has gone"} // for the log
	}
	return problem{http.StatusInternalServerError, "InternalServerError", "", "the OCR engine failed on this page"}
}

// detail is the shape of an answer to a path or method that is not served.
type detail struct {
	Detail string `json:"detail"`
}

type failure struct {
	Error struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    int     `json:"code"`
	} `json:"error"`
}

func (p problem) body() failure {
	var f failure
	f.Error.Message, f.Error.Type, f.Error.Code = p.message, p.kind, p.status
	if p.param != "" {
		f.Error.Param = &p.param
	}
	return f
}
