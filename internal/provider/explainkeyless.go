package provider

// What stands in texts about the two services that come before the token endpoint where
// there is no key: names of theirs, and sentences of the Security Token Service.
var (
	exchangeWords = []string{
		"sts.googleapis", "security token service", "unable to exchange token", "externalaccount", "external_account", "workloadidentitypool",
		"in id token", "id token issued at", "parse the id token", "given credential", "target service indicated by", "mapped attribute",
	}
	signWords = []string{"iamcredentials", "iam service account credentials", "iam.serviceaccounts.", ":signjwt"}
)

// keylessStage is which of them a text is about; empty: neither.
func (l *logText) keylessStage() Stage {
	switch {
	case l.has(signWords...):
		return StageSign
	case l.has(exchangeWords...):
		return StageExchange
	}
	return ""
}
