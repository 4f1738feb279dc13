package control

import (
	"crypto/rand"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"

	"gatepost/internal/store"
)

// A key that can be read and cannot sign is refused when it is given, not when
// mail is to be sent: here one whose first prime is none.
func TestKeyIsTriedWhenItIsGiven(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	file := map[string]any{}
	must(t, json.Unmarshal(w.google.ServiceAccountKey(), &file))
	file["private_key"] = compositeKey(t)
	key, err := json.Marshal(file)
	must(t, err)
	_, err = w.CreateCredential(t.Context(), w.grant, NewCredential{Kind: KindServiceAccount, Name: "x", Key: key})
	wantInvalid(t, err, "key.private_key", "cannot sign")
}

func compositeKey(t *testing.T) string {
	t.Helper()
	prime := func(bits int) *big.Int {
		n, err := rand.Prime(rand.Reader, bits)
		must(t, err)
		return n
	}
	e := big.NewInt(65537)
	less := func(n *big.Int) *big.Int { return new(big.Int).Sub(n, big.NewInt(1)) }
	for {
		p, q := new(big.Int).Mul(prime(512), prime(512)), prime(1024)
		n, d := new(big.Int).Mul(p, q), new(big.Int).ModInverse(e, new(big.Int).Mul(less(p), less(q)))
		if n.BitLen() != 2048 || p.BitLen() != 1024 || d == nil {
			continue
		}
		der, err := asn1.Marshal(struct { // RFC 8017 appendix A.1.2
			Version                        int
			N, E, D, P, Q, Dp, Dq, Inverse *big.Int
		}{0, n, e, d, p, q, new(big.Int).Mod(d, less(p)), new(big.Int).Mod(d, less(q)), new(big.Int).ModInverse(q, p)})
		must(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der}))
	}
}
