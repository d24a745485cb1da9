// go-spiffe's opinion of SPIFFE bundle documents: reads and writes them, serves and fetches them.
//
//	spiffe-bundle parse TRUST_DOMAIN <document             what it holds, as JSON
//	spiffe-bundle marshal TRUST_DOMAIN SEQUENCE HINT_S <pem   the document
//	spiffe-bundle fetch TRUST_DOMAIN URL CA_FILE           what it holds, as JSON
//	spiffe-bundle serve TRUST_DOMAIN CERT KEY SEQUENCE HINT_S <pem   prints the address; ends with stdin
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/federation"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

type content struct {
	Authorities [][]byte `json:"authorities"`
	Sequence    *string  `json:"sequence"`
	HintSeconds *float64 `json:"hintSeconds"`
}

func main() {
	if err := run(os.Args[1], spiffeid.RequireTrustDomainFromString(os.Args[2]), os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(verb string, td spiffeid.TrustDomain, args []string) error {
	switch verb {
	case "parse":
		bundle, err := spiffebundle.Read(td, os.Stdin)
		if err != nil {
			return err
		}
		return show(bundle)
	case "marshal":
		bundle, err := build(td, args[0], args[1])
		if err != nil {
			return err
		}
		document, err := bundle.Marshal()
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(document)
		return err
	case "fetch":
		pem, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		bundle, err := federation.FetchBundle(context.Background(), td, args[0], federation.WithWebPKIRoots(roots))
		if err != nil {
			return err
		}
		return show(bundle)
	case "serve":
		return serve(td, args)
	}
	return fmt.Errorf("unknown verb %q", verb)
}

func build(td spiffeid.TrustDomain, sequence, hint string) (*spiffebundle.Bundle, error) {
	authorities, err := x509bundle.Read(td, firstInput())
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(sequence, 10, 64)
	if err != nil {
		return nil, err
	}
	seconds, err := strconv.Atoi(hint)
	if err != nil {
		return nil, err
	}
	bundle := spiffebundle.FromX509Bundle(authorities)
	bundle.SetSequenceNumber(number)
	bundle.SetRefreshHint(time.Duration(seconds) * time.Second)
	return bundle, nil
}

// firstInput is standard input up to an empty line, so that `serve` can wait for its end.
func firstInput() io.Reader {
	reader, writer := io.Pipe()
	go func() {
		buffer := make([]byte, 1)
		last := byte(0)
		for {
			n, err := os.Stdin.Read(buffer)
			if err != nil || n == 0 || (buffer[0] == '\n' && last == '\n') {
				writer.Close()
				return
			}
			last = buffer[0]
			if _, err := writer.Write(buffer); err != nil {
				return
			}
		}
	}()
	return reader
}

func show(bundle *spiffebundle.Bundle) error {
	result := content{Authorities: [][]byte{}}
	for _, authority := range bundle.X509Authorities() {
		result.Authorities = append(result.Authorities, authority.Raw)
	}
	if number, ok := bundle.SequenceNumber(); ok {
		text := strconv.FormatUint(number, 10)
		result.Sequence = &text
	}
	if hint, ok := bundle.RefreshHint(); ok {
		seconds := hint.Seconds()
		result.HintSeconds = &seconds
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func serve(td spiffeid.TrustDomain, args []string) error {
	bundle, err := build(td, args[2], args[3])
	if err != nil {
		return err
	}
	handler, err := federation.NewHandler(td, bundle)
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(args[0], args[1])
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		// The parent's end of the pipe closes with the parent.
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	secure := tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
	return http.Serve(secure, handler)
}
