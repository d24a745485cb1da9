// A workload that gets its identity by go-spiffe and prints what it is told, one JSON object a line, until its
// standard input ends. usage: workload-api-client svids|bundles|jwt ADDRESS
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sort"
	"sync"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc/status"
)

type svid struct {
	ID     string `json:"id"`
	Serial string `json:"serial"`
	Hint   string `json:"hint"`
	Chain  int    `json:"chain"`
	// Verified says whether go-spiffe verifies the SVID against the bundles that came with it.
	Verified bool `json:"verified"`
}

type line struct {
	SVIDs   []svid         `json:"svids,omitempty"`
	Bundles map[string]int `json:"bundles,omitempty"`
	Error   string         `json:"error,omitempty"`
}

type printer struct{ mutex sync.Mutex }

func (p *printer) print(l line) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(l)
}

func countsOf(set *x509bundle.Set) map[string]int {
	counts := map[string]int{}
	for _, bundle := range set.Bundles() {
		counts[bundle.TrustDomain().Name()] = len(bundle.X509Authorities())
	}
	return counts
}

func (p *printer) OnX509ContextUpdate(c *workloadapi.X509Context) {
	svids := []svid{}
	for _, s := range c.SVIDs {
		_, _, err := x509svid.Verify(s.Certificates, c.Bundles)
		serial := s.Certificates[0].SerialNumber.Text(16)
		svids = append(svids, svid{s.ID.String(), serial, s.Hint, len(s.Certificates), err == nil})
	}
	sort.SliceStable(svids, func(i, j int) bool { return svids[i].Hint < svids[j].Hint })
	p.print(line{SVIDs: svids, Bundles: countsOf(c.Bundles)})
}

func (p *printer) OnX509ContextWatchError(err error)       { p.fail(err) }
func (p *printer) OnX509BundlesUpdate(set *x509bundle.Set) { p.print(line{Bundles: countsOf(set)}) }
func (p *printer) OnX509BundlesWatchError(err error)       { p.fail(err) }

func (p *printer) fail(err error) {
	if !errors.Is(err, context.Canceled) {
		p.print(line{Error: status.Code(err).String() + ": " + status.Convert(err).Message()})
	}
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := &printer{}
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(os.Args[2]))
	if err != nil {
		p.fail(err)
		os.Exit(1)
	}
	switch os.Args[1] {
	case "svids":
		go func() { _ = client.WatchX509Context(ctx, p) }()
	case "bundles":
		go func() { _ = client.WatchX509Bundles(ctx, p) }()
	case "jwt":
		_, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: "somebody"})
		p.fail(err)
		return
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}
