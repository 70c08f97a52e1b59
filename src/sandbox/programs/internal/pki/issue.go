// Package pki issues a node's serving certificates on the node itself: only it knows its address, and a control-plane node holds the keys
// of the authorities anyway.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// backdate makes up for clocks that are a little behind the one that signs, as in src/bootstrap/certificates.ts.
const backdate = 5 * time.Minute

// serialBits: RFC 5280 allows 20 bytes, and asks for a positive number.
const serialBits = 126

// Request says what the certificate is for.
type Request struct {
	CommonName string
	Names      []string
	Addresses  []net.IP
	// Client certificates log in with it as well: etcd's peers do.
	Client bool
}

// Issue reads `authority`.crt and `authority`.key, and writes `out`.crt and `out`.key (for their owner only). The certificate lives as long
// as the authority, since nothing renews it while its node lives.
func Issue(authority, out string, request Request) error {
	issuer, signer, err := load(authority)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return err
	}
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if request.Client {
		usages = append(usages, x509.ExtKeyUsageClientAuth)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: request.CommonName},
		NotBefore:             time.Now().Add(-backdate),
		NotAfter:              issuer.NotAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           usages,
		BasicConstraintsValid: true,
		DNSNames:              request.Names,
		IPAddresses:           request.Addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		return fmt.Errorf("signing with %s: %w", authority, err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The key first: whoever sees the certificate finds its key.
	if err := write(out+".key", "PRIVATE KEY", secret, 0o600); err != nil {
		return err
	}
	return write(out+".crt", "CERTIFICATE", der, 0o644)
}

func load(authority string) (*x509.Certificate, crypto.Signer, error) {
	certificate, err := decode(authority + ".crt")
	if err != nil {
		return nil, nil, err
	}
	issuer, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, nil, fmt.Errorf("%s.crt: %w", authority, err)
	}
	secret, err := decode(authority + ".key")
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(secret)
	if err != nil {
		return nil, nil, fmt.Errorf("%s.key: %w", authority, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, nil, errors.New(authority + ".key can't sign")
	}
	return issuer, signer, nil
}

func decode(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", path)
	}
	return block.Bytes, nil
}

// write makes the file appear whole, with its mode from the beginning.
func write(path, kind string, der []byte, mode os.FileMode) error {
	draft := path + ".new"
	_ = os.Remove(draft)
	if err := os.WriteFile(draft, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(draft, path)
}
