// Command interop drives a Gatehouse cluster through the public Go API module and prints one row per method: what was
// called, and whether the cluster answered as its own server would. It is our own program; the module is an ordinary
// dependency. Everything that it creates carries the name interop-*, in a cluster that a test throws away.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// settings say where the cluster is and what the program may use.
type settings struct {
	proxy   string
	profile string
	node    string
	login   string
	tpm     string
	unknown bool
}

// row is one line of the table.
type row struct {
	Method  string `json:"method"`
	Passed  bool   `json:"passed"`
	Problem string `json:"problem,omitempty"`
}

// table runs the checks and remembers whether all went well.
type table struct {
	json   bool
	failed int
}

// check runs one check; a panic in the module counts as a failure.
func (t *table) check(method string, run func() error) {
	err := protect(run)
	r := row{Method: method, Passed: err == nil}
	if err != nil {
		r.Problem = err.Error()
		t.failed++
	}
	if t.json {
		_ = json.NewEncoder(os.Stdout).Encode(r)
		return
	}
	verdict := "passes"
	if err != nil {
		verdict = "fails"
	}
	fmt.Printf("%-6s %s\n", verdict, method)
	if err != nil {
		fmt.Printf("       %s\n", r.Problem)
	}
}

func protect(run func() error) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("panic: %v", problem)
		}
	}()
	return run()
}

func main() {
	var s settings
	asJSON := flag.Bool("json", false, "print one JSON object per row")
	flag.StringVar(&s.proxy, "proxy", "", "host:port of the proxy")
	flag.StringVar(&s.profile, "profile", "", "profile folder that tsh wrote")
	flag.StringVar(&s.node, "node", "", "host name of an SSH server of the cluster")
	flag.StringVar(&s.login, "login", "root", "account on that server")
	flag.BoolVar(&s.unknown, "unknown", false, "only write back what has fields that the module does not know")
	flag.StringVar(&s.tpm, "tpm", "", "Unix socket of a TPM 2.0 (swtpm)")
	flag.Parse()

	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	t := &table{json: *asJSON}
	checkWeb(ctx, t, s)
	clt := checkCredentials(ctx, t, s)
	if clt == nil {
		os.Exit(1)
	}
	defer clt.Close()
	if s.unknown {
		checkUnknownFields(ctx, t, clt)
		return
	}
	checkSession(ctx, t, clt)
	checkUsers(ctx, t, clt)
	checkRoles(ctx, t, clt)
	checkTokens(ctx, t, clt)
	checkLocks(ctx, t, clt)
	checkConfig(ctx, t, clt)
	checkListing(ctx, t, clt, s)
	checkWatch(ctx, t, clt)
	checkInventory(ctx, t, clt)
	checkCeremonies(ctx, t, clt, s)
	checkTransport(ctx, t, clt, s)
	if t.failed > 0 {
		os.Exit(1)
	}
}
