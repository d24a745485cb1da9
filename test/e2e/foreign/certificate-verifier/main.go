// A foreign opinion on certificates, and a TLS peer that presents bytes which other libraries would refuse to
// load. Reads one request as JSON a line, answers each with one line.
package main

import (
	"bufio"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

type request struct {
	// Do is verify, call (a client that sends Text to Address) or serve (a server that answers Text).
	Do      string
	Chain   [][]byte
	Key     []byte // PKCS#8
	Bundles map[string][][]byte
	Address string
	Text    string
}

type answer struct {
	Ok    bool
	Error string
	Text  string // what the peer sent, for call
	Port  int    // for serve: where; then everything that is received is in later answers
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	server := &server{}
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		switch r.Do {
		case "verify":
			out.Encode(verify(r))
		case "call":
			out.Encode(call(r))
		case "serve":
			out.Encode(server.serve(r))
		case "received":
			out.Encode(server.received())
		}
	}
}

func verify(r request) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{Error: fmt.Sprint("panic: ", p)}
		}
	}()
	set := x509bundle.NewSet()
	for name, roots := range r.Bundles {
		td, err := spiffeid.TrustDomainFromString(name)
		if err != nil {
			return answer{Error: "bundle: " + err.Error()}
		}
		bundle := x509bundle.New(td)
		for _, der := range roots {
			root, err := x509.ParseCertificate(der)
			if err != nil {
				return answer{Error: "bundle: " + err.Error()}
			}
			bundle.AddX509Authority(root)
		}
		set.Add(bundle)
	}
	id, _, err := x509svid.ParseAndVerify(r.Chain, set)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Ok: true, Text: id.String()}
}

func certificateOf(r request) (*tls.Certificate, error) {
	key, err := x509.ParsePKCS8PrivateKey(r.Key)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key that cannot sign: %T", key)
	}
	return &tls.Certificate{Certificate: r.Chain, PrivateKey: signer}, nil
}

func call(r request) answer {
	certificate, err := certificateOf(r)
	if err != nil {
		return answer{Error: "key: " + err.Error()}
	}
	conn, err := net.DialTimeout("tcp", r.Address, 5*time.Second)
	if err != nil {
		return answer{Error: "dial: " + err.Error()}
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	client := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true,
		ServerName:         "localhost",
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate, nil
		},
	})
	if err := client.Handshake(); err != nil {
		return answer{Error: "handshake: " + err.Error()}
	}
	if _, err := io.WriteString(client, r.Text); err != nil {
		return answer{Error: "write: " + err.Error()}
	}
	text, err := io.ReadAll(client)
	a := answer{Ok: len(text) > 0, Text: string(text)}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

// server is one listener whose certificate is changed between connections.
type server struct {
	listener net.Listener
	current  *tls.Certificate
	text     string
	got      chan string
}

func (s *server) serve(r request) answer {
	certificate, err := certificateOf(r)
	if err != nil {
		return answer{Error: "key: " + err.Error()}
	}
	s.current, s.text = certificate, r.Text
	if s.listener == nil {
		s.got = make(chan string, 64)
		s.listener, err = net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return answer{Error: err.Error()}
		}
		go s.accept()
	}
	return answer{Ok: true, Port: s.listener.Addr().(*net.TCPAddr).Port}
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		go s.handle(conn)
	}
}

func (s *server) handle(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	peer := tls.Server(conn, &tls.Config{
		ClientAuth: tls.RequireAnyClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.current, nil
		},
	})
	if peer.Handshake() != nil {
		return
	}
	buffer := make([]byte, 4096)
	n, _ := peer.Read(buffer)
	if n > 0 {
		s.got <- string(buffer[:n])
		io.WriteString(peer, s.text)
	}
}

// received empties what came so far.
func (s *server) received() answer {
	text := ""
	for {
		select {
		case more := <-s.got:
			text += more
		default:
			return answer{Ok: text != "", Text: text}
		}
	}
}
