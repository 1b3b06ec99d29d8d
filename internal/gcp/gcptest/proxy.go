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

// Proxy is between a test and an emulator, passes on every call, counts them, and can lose what comes back.
// Its methods may be called at any time.
type Proxy struct {
	host   string
	target *grpc.ClientConn

	mu     sync.Mutex
	calls  map[string]int
	faults []fault
	broken chan struct{} // closed and replaced to break the calls under way
	onLost func()
}

// fault is what happens to one call.
type fault struct {
	method string
	n      int // which call of the method
	code   codes.Code
	lost   bool            // the call is passed on, and its answer lost,
	after  int             // but for so many messages
	late   <-chan struct{} // the call is passed on when this is closed, long after its answer
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

// Calls is how often the method was called, by its bare name: Commit, BatchGetDocuments, RunQuery, Listen. Repetitions
// of Google's client count as well.
func (p *Proxy) Calls(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}

// LoseAnswer has the n-th call of the method from now on carried out and answered with code. Google's client repeats a
// Commit that ends with Unavailable, so the caller sees what became of the repetition; Unknown and Internal it reports.
func (p *Proxy) LoseAnswer(method string, n int, code codes.Code) {
	p.plan(method, n, fault{code: code, lost: true})
}

// CutAnswer is LoseAnswer but for the first messages of a streamed answer, which come through.
func (p *Proxy) CutAnswer(method string, n, messages int, code codes.Code) {
	p.plan(method, n, fault{code: code, lost: true, after: messages})
}

// Refuse has the n-th call of the method from now on not carried out and answered with code.
func (p *Proxy) Refuse(method string, n int, code codes.Code) { p.plan(method, n, fault{code: code}) }

// Delay has the n-th call of the method from now on answered with code at once, and carried out when gate is closed: a
// server that takes its time.
func (p *Proxy) Delay(method string, n int, code codes.Code, gate <-chan struct{}) {
	p.plan(method, n, fault{code: code, late: gate})
}

func (p *Proxy) plan(method string, n int, f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.method, f.n = method, p.calls[method]+n
	p.faults = append(p.faults, f)
}

// OnLost has fn called once, between the carrying out of the next call whose answer is lost and the loss.
func (p *Proxy) OnLost(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onLost = fn
}

// lost calls what [Proxy.OnLost] planned.
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

// count notes a call and says what shall happen to it.
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

// handle carries one call of any kind.
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

// later takes the one message of a call and carries the call out when gate is closed.
func (p *Proxy) later(caller grpc.ServerStream, ctx context.Context, method string, gate <-chan struct{}) {
	var m, answer []byte
	if caller.RecvMsg(&m) != nil {
		return
	}
	go func() {
		<-gate
		_ = p.target.Invoke(ctx, method, &m, &answer, grpc.ForceCodec(raw{})) // no caller waits for what it says
	}()
}

// forward passes on what the caller sends, until it has no more.
func forward(caller grpc.ServerStream, target grpc.ClientStream) {
	for {
		var m []byte
		if caller.RecvMsg(&m) != nil {
			_ = target.CloseSend() // a target that is gone needs no telling
			return
		}
		if target.SendMsg(&m) != nil {
			return
		}
	}
}

// back passes on so many messages of what the target answers, and loses the others, until there are no more.
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

// raw passes messages on as they are.
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
