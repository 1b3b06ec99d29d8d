package gcptest

import (
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// echo starts a server for any method: it answers each message with the message and the call's metadata.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}),
		grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
			md, _ := metadata.FromIncomingContext(s.Context())
			if len(md.Get("fail")) > 0 {
				return status.Error(codes.NotFound, "as asked")
			}
			for {
				var m []byte
				if s.RecvMsg(&m) != nil {
					return nil
				}
				m = append(m, md.Get("authorization")[0]...)
				if err := s.SendMsg(&m); err != nil {
					return err
				}
			}
		}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// call makes a call with one message through the proxy.
func call(t *testing.T, p *Proxy, method string, headers ...string) (string, error) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+p.Host(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(t.Context(), append(headers, "authorization", "-owner")...)
	in, out := []byte("hello"), []byte(nil)
	err = conn.Invoke(ctx, "/pkg.Service/"+method, &in, &out, grpc.ForceCodec(raw{}))
	return string(out), err
}

func TestProxyPassesOn(t *testing.T) {
	p := NewProxy(t, echo(t))
	if got, err := call(t, p, "Commit"); got != "hello-owner" || err != nil {
		t.Errorf("call = %q, %v", got, err)
	}
	if _, err := call(t, p, "Commit", "fail", "1"); status.Code(err) != codes.NotFound {
		t.Errorf("a failing call = %v, want NotFound", err)
	}
	if p.Calls("Commit") != 2 || p.Calls("Other") != 0 {
		t.Errorf("%d and %d calls, want 2 and 0", p.Calls("Commit"), p.Calls("Other"))
	}
}

func TestProxyLosesAndRefuses(t *testing.T) {
	p := NewProxy(t, echo(t))
	p.LoseAnswer("Commit", 2, codes.Unknown)
	p.Refuse("Commit", 3, codes.Aborted)
	lost := 0
	p.OnLost(func() { lost++ })
	for i, want := range []codes.Code{codes.OK, codes.Unknown, codes.Aborted, codes.OK} {
		got, err := call(t, p, "Commit")
		if status.Code(err) != want || want != codes.OK && got != "" {
			t.Errorf("call %d = %q, %v; want %v", i+1, got, err, want)
		}
		if _, err := call(t, p, "Other"); err != nil {
			t.Errorf("another method: %v", err)
		}
	}
	if lost != 1 {
		t.Errorf("OnLost's function was called %d times, want 1", lost)
	}
}

func TestProxyCutsAnAnswer(t *testing.T) {
	p := NewProxy(t, echo(t))
	p.CutAnswer("Listen", 1, 2, codes.Unavailable)
	stream := open(t, p, "Listen")
	for range 5 {
		m := []byte("hello")
		if err := stream.SendMsg(&m); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	messages, err := 0, error(nil)
	for ; err == nil; messages++ {
		var m []byte
		err = stream.RecvMsg(&m)
	}
	if messages-1 != 2 || status.Code(err) != codes.Unavailable {
		t.Errorf("%d messages and %v, want 2 and Unavailable", messages-1, err)
	}
}

func TestProxyDelays(t *testing.T) {
	target := NewProxy(t, echo(t)) // counts what arrives
	p := NewProxy(t, target.Host())
	gate := make(chan struct{})
	p.Delay("Commit", 1, codes.Unknown, gate)
	if _, err := call(t, p, "Commit"); status.Code(err) != codes.Unknown {
		t.Errorf("call = %v, want Unknown", err)
	}
	if n := target.Calls("Commit"); n != 0 {
		t.Errorf("carried out %d times before the gate opened", n)
	}
	close(gate)
	for target.Calls("Commit") == 0 {
		time.Sleep(time.Millisecond)
	}
}

// open begins a call of many messages through the proxy.
func open(t *testing.T, p *Proxy, method string) grpc.ClientStream {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+p.Host(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "-owner")
	desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := conn.NewStream(ctx, desc, "/pkg.Service/"+method, grpc.ForceCodec(raw{}))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestProxyBreaks(t *testing.T) {
	p := NewProxy(t, echo(t))
	stream := open(t, p, "Listen")
	for range 3 {
		m := []byte("hello")
		if err := stream.SendMsg(&m); err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(&m); err != nil || string(m) != "hello-owner" {
			t.Fatalf("answer %q, %v", m, err)
		}
	}
	p.Break()
	var m []byte
	if err := stream.RecvMsg(&m); status.Code(err) != codes.Unavailable {
		t.Errorf("a broken stream = %v, want Unavailable", err)
	}
	if _, err := call(t, p, "Listen"); err != nil {
		t.Errorf("and then: %v", err)
	}
}
