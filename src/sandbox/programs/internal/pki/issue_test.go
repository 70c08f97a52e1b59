package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func authority(t *testing.T) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "etcd"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca")
	if err := write(path+".key", "PRIVATE KEY", secret, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := write(path+".crt", "CERTIFICATE", der, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestIssuedCertificateServesAndLogsIn(t *testing.T) {
	ca := authority(t)
	out := filepath.Join(filepath.Dir(ca), "etcd")
	request := Request{CommonName: "etcd", Names: []string{"localhost"}, Addresses: []net.IP{net.ParseIP("127.3.1.7")}, Client: true}
	if err := Issue(ca, out, request); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(out+".crt", out+".key")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	issuer, _, err := load(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(issuer)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		options := x509.VerifyOptions{Roots: roots, DNSName: "127.3.1.7", KeyUsages: []x509.ExtKeyUsage{usage}}
		if _, err := leaf.Verify(options); err != nil {
			t.Errorf("usage %v: %v", usage, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "127.3.1.8"}); err == nil {
		t.Error("it is good for another's address")
	}
	if info, _ := os.Stat(out + ".key"); info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v", info.Mode())
	}
}

func TestAServerOnlyIsNoClient(t *testing.T) {
	ca := authority(t)
	out := filepath.Join(filepath.Dir(ca), "apiserver")
	if err := Issue(ca, out, Request{CommonName: "kube-apiserver"}); err != nil {
		t.Fatal(err)
	}
	der, err := decode(out + ".crt")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	for _, usage := range leaf.ExtKeyUsage {
		if usage == x509.ExtKeyUsageClientAuth {
			t.Error("it may log in")
		}
	}
}
