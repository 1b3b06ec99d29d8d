package gcptest

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"path"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Proxy is between a test and an emulator: it forwards every call, counts calls, and can lose answers. Its methods may
// be called at any time.
type Proxy struct {
	host   string
	target *grpc.ClientConn

	mu     sync.Mutex
	calls  map[string]int
	faults []fault
	broken chan struct{} // closed and replaced to break the calls under way
	onLost func()
}

// fault is a fault of one call.
type fault struct {
	method string
	n      int // number of the method's call
	code   codes.Code
	lost   bool            // the call is forwarded, and its answer lost,
	after  int             // except the first messages, this many
	late   <-chan struct{} // the call is forwarded when this is closed, after its answer
}

// NewProxy starts a proxy before the emulator at host.
func NewProxy(tb testing.TB, host string) *Proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	target, err := grpc.NewClient("passthrough:///"+host, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(maxMessage)))
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{host: listener.Addr().String(), target: target, calls: map[string]int{}, broken: make(chan struct{})}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(p.handle),
		grpc.MaxRecvMsgSize(maxMessage))
	go func() { _ = server.Serve(listener) }() // until it is stopped
	tb.Cleanup(func() {
		server.Stop()
		target.Close()
	})
	return p
}

const maxMessage = 64 << 20

// Host is the proxy's host:port.
func (p *Proxy) Host() string { return p.host }

// Calls returns how often a method was called; method is its bare name: Commit, BatchGetDocuments, RunQuery, Listen.
// Repetitions by Google's client count.
func (p *Proxy) Calls(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}

// LoseAnswer executes the n-th call of the method from now on, but answers it with code. Google's client repeats a
// Commit that ends with Unavailable, so its caller sees the result of the repetition; it returns Unknown and Internal
// to its caller.
func (p *Proxy) LoseAnswer(method string, n int, code codes.Code) {
	p.plan(method, n, fault{code: code, lost: true})
}

// CutAnswer is like LoseAnswer, but the first messages of a streamed answer come through.
func (p *Proxy) CutAnswer(method string, n, messages int, code codes.Code) {
	p.plan(method, n, fault{code: code, lost: true, after: messages})
}

// Refuse answers the n-th call of the method from now on with code, without executing it.
func (p *Proxy) Refuse(method string, n int, code codes.Code) { p.plan(method, n, fault{code: code}) }

// Delay answers the n-th call of the method from now on with code at once, and executes it when gate is closed, like a
// slow server.
func (p *Proxy) Delay(method string, n int, code codes.Code, gate <-chan struct{}) {
	p.plan(method, n, fault{code: code, late: gate})
}

func (p *Proxy) plan(method string, n int, f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.method, f.n = method, p.calls[method]+n
	p.faults = append(p.faults, f)
}

// OnLost calls fn once, after the next call whose answer is lost has been executed and before the answer is lost.
func (p *Proxy) OnLost(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onLost = fn
}

// lost calls the function set by [Proxy.OnLost].
func (p *Proxy) lost() {
	p.mu.Lock()
	fn := p.onLost
	p.onLost = nil
	p.mu.Unlock()
	if fn != nil {
		fn()
	}
}

// Break ends all calls under way with Unavailable, as a lost connection does.
func (p *Proxy) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.broken)
	p.broken = make(chan struct{})
}

// count counts a call and returns the fault to apply to it.
func (p *Proxy) count(method string) (f fault, faulty bool, broken <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[method]++
	for _, f := range p.faults {
		if f.method == method && f.n == p.calls[method] {
			return f, true, p.broken
		}
	}
	return fault{}, false, p.broken
}

// handle forwards one call of any kind.
func (p *Proxy) handle(_ any, caller grpc.ServerStream) error {
	full, _ := grpc.MethodFromServerStream(caller)
	f, faulty, broken := p.count(path.Base(full))
	headers, _ := metadata.FromIncomingContext(caller.Context())
	if f.late != nil {
		p.later(caller, metadata.NewOutgoingContext(context.Background(), headers), full, f.late)
	}
	if faulty && !f.lost {
		return status.Error(f.code, "refused by the proxy")
	}
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(caller.Context(), headers))
	defer cancel()
	target, err := p.target.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, full)
	if err != nil {
		return err
	}
	go forward(caller, target)
	answered := make(chan error, 1)
	pass := math.MaxInt
	if faulty {
		pass = f.after
	}
	go func() { answered <- back(target, caller, pass) }()
	select {
	case err = <-answered:
	case <-broken:
		cancel()
		<-answered // nothing may be sent once this function has returned
		return status.Error(codes.Unavailable, "the proxy broke the call")
	}
	if faulty {
		p.lost()
		return status.Error(f.code, "the proxy lost the answer")
	}
	return err
}

// later receives the single message of a call and executes the call when gate is closed.
func (p *Proxy) later(caller grpc.ServerStream, ctx context.Context, method string, gate <-chan struct{}) {
	var m, answer []byte
	if caller.RecvMsg(&m) != nil {
		return
	}
	go func() {
		<-gate
		_ = p.target.Invoke(ctx, method, &m, &answer, grpc.ForceCodec(raw{})) // no caller waits for the answer
	}()
}

// forward forwards the caller's messages until there are no more.
func forward(caller grpc.ServerStream, target grpc.ClientStream) {
	for {
		var m []byte
		if caller.RecvMsg(&m) != nil {
			_ = target.CloseSend() // an error means that the target has gone
			return
		}
		if target.SendMsg(&m) != nil {
			return
		}
	}
}

// back forwards the first pass messages of the target's answer, and loses the others, until there are no more.
func back(target grpc.ClientStream, caller grpc.ServerStream, pass int) error {
	for n := 0; ; n++ {
		var m []byte
		switch err := target.RecvMsg(&m); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if n >= pass {
			continue
		}
		if err := caller.SendMsg(&m); err != nil {
			return err
		}
	}
}

// raw is a codec that leaves messages as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) {
	m, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("gcptest: %T is not a raw message", v)
	}
	return *m, nil
}

func (raw) Unmarshal(data []byte, v any) error {
	m, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("gcptest: %T is not a raw message", v)
	}
	*m = append([]byte(nil), data...)
	return nil
}

func (raw) Name() string { return "raw" }
