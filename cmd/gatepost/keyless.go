package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// kindKeyless is the kind of credential of a service account that Google signs for.
const kindKeyless = "google_keyless"

// keylessFlags say how gatepost gets to a service account without a key file.
type keylessFlags struct {
	file     string // of workload identity federation
	metadata bool
	actAs    string
	uniqueID string
}

func (k *keylessFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&k.file, "keyless", "", "federation `file` in place of a key (external_account, from gcloud)")
	f.BoolVar(&k.metadata, "metadata", false, "in place of a key: the service account of the machine of Google Cloud")
	f.StringVar(&k.actAs, "act-as", "", "with --keyless or --metadata: `address` of the service account to act as")
	f.StringVar(&k.uniqueID, "unique-id", "", "with --keyless or --metadata: the service account's unique `id`, a number")
}

// given tells whether a flag says that there is no key.
func (k keylessFlags) given() bool { return k != keylessFlags{} }

// source is what GET /v1/setup calls it; empty where there is a key.
func (k keylessFlags) source() string {
	switch {
	case k.metadata:
		return "metadata"
	case k.given():
		return "external_account"
	}
	return ""
}

// check refuses flags that exclude each other.
func (k keylessFlags) check(keyFile string) error {
	switch {
	case !k.given():
		return nil
	case keyFile != "":
		return usagef("--service-account: is a key file; give it, or --keyless or --metadata, not both")
	case k.file != "" && k.metadata:
		return usagef("--metadata: is this machine's own identity; give it, or a federation file by --keyless, not both")
	case k.file == "" && !k.metadata:
		return usagef("--act-as and --unique-id: are for a service account without a key: give --keyless FILE or --metadata, too")
	}
	return nil
}

// keep hands over the credential, which may be stored already.
func (k keylessFlags) keep(ctx context.Context, g *guide) (string, error) {
	n := client.NewCredential{Kind: kindKeyless, Name: "service account without a key", Source: k.source(), ServiceAccount: k.actAs, ClientID: k.uniqueID}
	if k.file != "" {
		b, err := g.keyFile("--keyless", k.file, "the federation file")
		if err != nil {
			return "", k.told(ctx, g, err)
		}
		n.Key = jsonOrText(b)
	}
	made, err := g.CreateCredential(ctx, n)
	if err != nil {
		return "", k.inFlags(k.told(ctx, g, err))
	}
	g.made = made.ID
	return g.once(ctx, made, "identity")
}

// told tells how all of it is set up, where the federation file is not there yet or the
// operator has not allowed the identity.
func (k keylessFlags) told(ctx context.Context, g *guide, err error) error {
	var refused *client.Error
	if errors.As(err, &refused) && !slices.ContainsFunc(refused.Errors, func(f client.FieldError) bool { return strings.Contains(f.Message, "google-keyless") }) {
		return err
	}
	if failed := g.setup(ctx, client.SetupQuery{Kind: "workspace", Source: k.source()}); failed != nil {
		return failed
	}
	return err
}

// inFlags names the fields of a refusal as these flags do: --service-account is a key
// file.
func (k keylessFlags) inFlags(err error) error {
	own := "--keyless"
	if k.metadata {
		own = "--metadata"
	}
	return fieldsAs(map[string]string{"source": own, "key": own, "service_account": "--act-as", "client_id": "--unique-id"}, err)
}

// fieldsAs names the fields of a refusal by these flags, where a command has others that
// look like them.
func fieldsAs(flags map[string]string, err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return err
	}
	for i, f := range refused.Errors {
		head, rest, _ := strings.Cut(f.Field, ".")
		if flag := flags[head]; flag != "" {
			refused.Errors[i].Field = strings.TrimSuffix(flag+": "+rest, ": ")
		}
	}
	return err
}
