package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"gatepost/internal/provider"
)

// machine gets the token of the machine's own service account from the metadata server
// (cloud.google.com/compute/docs/access/authenticate-workloads).
func (k *Keyless) machine(ctx context.Context, now time.Time) (Caller, error) {
	_, body, err := k.metadata(ctx, "email", now)
	if err != nil {
		return Caller{}, err
	}
	own := strings.TrimSpace(string(body))
	by := Caller{Account: k.account, Member: "serviceAccount:" + own}
	if !serviceAccountName.MatchString(own) {
		by.Member = "MEMBER" // on GKE without a service account it is a name of the pool's
	} else if by.Account == "" {
		by.Account = own
	}
	if by.Account == "" {
		return Caller{}, Held(CauseNoMachineAccount, "The metadata server names no service account of this machine.",
			"Name the service account to act as (service_account of the credential), or attach one to the machine.", nil)
	}
	resp, body, err := k.metadata(ctx, "token", now)
	if err != nil {
		return Caller{}, err
	}
	by.Token, err = readAnswer(resp, body, provider.About{Vendor: provider.VendorGoogle, Subject: own}, now)
	return by, err
}

// The causes of errors of the metadata server.
const (
	CauseNoMetadata       = "no_metadata_server"
	CauseNoMachineAccount = "no_machine_account"
)

const notAtGoogle = "Run gatepost on a machine of Google Cloud that has a service account (Compute Engine, GKE, Cloud Run), or store a workload identity federation file (external_account) in place of this credential."

// metadata asks the metadata server about the machine's service account. An answer
// without its header is another's (cloud.google.com/compute/docs/metadata/querying-metadata).
func (k *Keyless) metadata(ctx context.Context, what string, now time.Time) (*http.Response, []byte, error) {
	const flavor = "Metadata-Flavor"
	resp, body, err := call{
		method: http.MethodGet, address: k.at.Metadata + "/computeMetadata/v1/instance/service-accounts/default/" + what,
		header: map[string]string{flavor: "Google"},
	}.do(ctx, onLink())
	switch {
	case err != nil:
		return nil, nil, noMetadata(err)
	case resp.Header.Get(flavor) != "Google":
		return nil, nil, Held(CauseNoMetadata, "What answers in the place of Google Cloud's metadata server is something else.", notAtGoogle, nil)
	case resp.StatusCode == http.StatusNotFound:
		return nil, nil, Held(CauseNoMachineAccount, "This machine of Google Cloud has no service account.",
			"Attach one (gcloud compute instances set-service-account, with the access scope cloud-platform), then release the account.", nil)
	case resp.StatusCode == http.StatusOK:
		return resp, body, nil
	}
	return nil, nil, provider.Classify(provider.Answer{
		Stage: provider.StageToken, Code: resp.StatusCode, Text: fmt.Sprintf("(the metadata server) %s", body),
		RetryAfter: resp.Header.Get("Retry-After"), About: provider.About{Vendor: provider.VendorGoogle},
	}, now)
}

// noMetadata says what it means that nothing answers. Where not even the name is known,
// waiting does not help; else the server may be late, as it is when a node starts.
func noMetadata(err error) error {
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || errors.Is(err, context.Canceled) {
		return err
	}
	made := *e
	made.Cause, made.Text, made.Fix, made.No, made.Link = CauseNoMetadata, "No metadata server of Google Cloud answers here.", notAtGoogle, "", ""
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		made.Class = provider.Hold
	}
	return &made
}
