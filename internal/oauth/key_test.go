package oauth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// rsaKey is PKCS #1's form of a private key with two primes (RFC 8017 appendix A.1.2).
type rsaKey struct {
	Version                        int
	N, E, D, P, Q, Dp, Dq, Inverse *big.Int
}

func pkcs1(t *testing.T, k rsaKey) string {
	t.Helper()
	der, err := asn1.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der}))
}

// Keys that are too small, or so large that a signature takes seconds, are refused
// before they are even taken apart.
func TestKeySizes(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	huge := new(big.Int).Lsh(big.NewInt(1), 16384)
	for name, key := range map[string]string{
		"1024 bits":  string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(small)})),
		"16384 bits": pkcs1(t, rsaKey{N: huge, E: big.NewInt(3), D: huge, P: huge, Q: huge, Dp: huge, Dq: huge, Inverse: huge}),
	} {
		began := time.Now()
		_, err := ParseServiceAccount(file(t, map[string]any{"private_key": key}), "")
		checkFileError(t, name, err, "private_key", "2048 to 8192 bits")
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: refused after %v", name, took)
		}
	}
}

// Whatever number of a key is damaged, the key is refused.
func TestDamagedKeyCannotSign(t *testing.T) {
	good, err := ParseServiceAccount(file(t, nil), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := good.Try(); err != nil {
		t.Error(err)
	}
	k := good.key
	whole := rsaKey{
		N: k.N, E: big.NewInt(int64(k.E)), D: k.D, P: k.Primes[0], Q: k.Primes[1],
		Dp: k.Precomputed.Dp, Dq: k.Precomputed.Dq, Inverse: k.Precomputed.Qinv,
	}
	off := func(n *big.Int) *big.Int { return new(big.Int).Add(n, big.NewInt(2)) }
	for name, damage := range map[string]func(r *rsaKey){
		"N": func(r *rsaKey) { r.N = off(r.N) }, "E": func(r *rsaKey) { r.E = off(r.E) }, "D": func(r *rsaKey) { r.D = off(r.D) },
		"P": func(r *rsaKey) { r.P = off(r.P) }, "Q": func(r *rsaKey) { r.Q = off(r.Q) },
		"Dp": func(r *rsaKey) { r.Dp = off(r.Dp) }, "Dq": func(r *rsaKey) { r.Dq = off(r.Dq) }, "inverse": func(r *rsaKey) { r.Inverse = off(r.Inverse) },
	} {
		damaged := whole
		damage(&damaged)
		account, err := ParseServiceAccount(file(t, map[string]any{"private_key": pkcs1(t, damaged)}), "")
		if err == nil {
			err = account.Try()
		}
		checkFileError(t, name, err, "private_key", "download the key again")
	}
}

// compositeKey fits together in all its numbers but one: P is no prime.
func compositeKey(t *testing.T) string {
	t.Helper()
	prime := func(bits int) *big.Int {
		n, err := rand.Prime(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	one, e := big.NewInt(1), big.NewInt(65537)
	less := func(n *big.Int) *big.Int { return new(big.Int).Sub(n, one) }
	for {
		k := rsaKey{E: e, P: new(big.Int).Mul(prime(512), prime(512)), Q: prime(1024)}
		k.N = new(big.Int).Mul(k.P, k.Q)
		k.D = new(big.Int).ModInverse(e, new(big.Int).Mul(less(k.P), less(k.Q)))
		if k.N.BitLen() != 2048 || k.P.BitLen() != 1024 || k.D == nil {
			continue
		}
		k.Dp, k.Dq = new(big.Int).Mod(k.D, less(k.P)), new(big.Int).Mod(k.D, less(k.Q))
		k.Inverse = new(big.Int).ModInverse(k.Q, k.P)
		return pkcs1(t, k)
	}
}

// A key that is read without complaint and cannot sign is found by signing once.
func TestKeyThatCannotSign(t *testing.T) {
	account, err := ParseServiceAccount(file(t, map[string]any{"private_key": compositeKey(t)}), "")
	if err != nil {
		t.Fatal(err)
	}
	checkFileError(t, "composite", account.Try(), "private_key", "cannot sign")
}
