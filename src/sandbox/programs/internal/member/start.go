// Package member decides how this node's etcd begins, and looks into its data without starting it.
package member

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// askEvery is how often the members are asked whether this one was added: whoever adds it waits for it.
	askEvery = 500 * time.Millisecond
	// askLimit bounds one question: the members are near, or dead.
	askLimit = 2 * time.Second
	// answerLimit bounds a list of members: one takes some 300 bytes.
	answerLimit = 1 << 20
	// reportEvery is how often the same reason to wait is said again, in questions.
	reportEvery = 60
)

// Settings of this node's member. Files that don't exist count as empty.
type Settings struct {
	DataDir, Name, PeerURL string
	// SeedsFile holds the peer URLs of members that can be asked, one a line. It is read anew at each question.
	SeedsFile string
	// FoundFile: this node begins a new cluster. It is removed before etcd starts, so that this holds once, whatever becomes of the data.
	FoundFile string
	// ForceFile: this node's data goes on as a cluster of one. It too is removed first.
	ForceFile string
	// The certificates of the peers' port.
	CertFile, KeyFile, CAFile string
}

// listed is a member as etcd's own peer port tells it (GET /members, which etcd itself asks before it joins).
type listed struct {
	PeerURLs  []string `json:"peerURLs"`
	IsLearner bool     `json:"isLearner"`
	Name      string   `json:"name"`
}

// Begin returns the arguments with which etcd has to be started, and waits for that moment if need be: a node without data joins a
// cluster only as a learner that was added for it and has never run. So no lost data ever comes back as an empty voter, and no node ever
// begins a new cluster by itself.
func Begin(ctx context.Context, s Settings, say func(string)) ([]string, error) {
	alone := s.Name + "=" + s.PeerURL
	// With data these are ignored; without, `existing` can't make a new cluster.
	existing := func(members string) []string {
		return []string{"--initial-cluster=" + members, "--initial-cluster-state=existing"}
	}
	if HasData(s.DataDir) {
		// User data that was cut off and ran again has put it here anew.
		if _, err := take(s.FoundFile); err != nil {
			return nil, err
		}
		// Before the file is taken: cut off in between, it is done again.
		if _, err := os.Stat(s.ForceFile); err == nil {
			if err := CommitAll(s.DataDir); err != nil {
				return nil, err
			}
		}
		force, err := take(s.ForceFile)
		if err != nil || !force {
			return existing(alone), err
		}
		say("its data goes on as a cluster of one")
		return append(existing(alone), "--force-new-cluster"), nil
	}
	found, err := take(s.FoundFile)
	if err != nil {
		return nil, err
	}
	if found {
		say("a new cluster begins here")
		return []string{"--initial-cluster=" + alone, "--initial-cluster-state=new"}, nil
	}
	members, err := awaitMembership(ctx, s, say)
	if err != nil {
		return nil, err
	}
	if members == "" {
		// Somebody has put data here meanwhile: a restore.
		return existing(alone), nil
	}
	say("joins as a learner: " + members)
	return existing(members), nil
}

// HasData says whether there is a write-ahead log: what etcd goes by.
func HasData(dataDir string) bool {
	found, _ := filepath.Glob(filepath.Join(dataDir, "member/wal/*.wal"))
	return len(found) > 0
}

// take removes the file, durably, and says whether it was there.
func take(path string) (bool, error) {
	if path == "" {
		return false, nil
	}
	if err := os.Remove(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return false, err
	}
	defer folder.Close()
	return true, folder.Sync()
}

func awaitMembership(ctx context.Context, s Settings, say func(string)) (string, error) {
	client, err := peerClient(s)
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	why, times := "", 0
	for {
		if HasData(s.DataDir) {
			return "", nil
		}
		members, reason := ask(ctx, client, s)
		if reason == "" {
			return members, nil
		}
		if times++; reason != why || times%reportEvery == 0 {
			say("no data here, and not to join yet: " + reason)
			why = reason
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(askEvery):
		}
	}
}

// ask goes through the seeds. It returns what `--initial-cluster` has to be, or why not.
func ask(ctx context.Context, client *http.Client, s Settings) (members, reason string) {
	text, err := os.ReadFile(s.SeedsFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err.Error()
	}
	reason = "it was told of no member to ask"
	for _, seed := range strings.Fields(string(text)) {
		if seed == s.PeerURL {
			continue
		}
		list, err := membersOf(ctx, client, seed)
		if err != nil {
			reason = err.Error()
			continue
		}
		if members, reason = Joining(list, s.Name, s.PeerURL); reason == "" {
			return members, ""
		}
		reason = seed + ": " + reason
	}
	return "", reason
}

// Joining makes `--initial-cluster` of a list of members that this node's member was added to, or says why it can't.
func Joining(list []listed, name, peerURL string) (members, reason string) {
	var entries []string
	reason = "this node was not added as a member"
	for index, each := range list {
		own := slices.Contains(each.PeerURLs, peerURL)
		switch {
		case own && !each.IsLearner:
			return "", "a voter of this address is known, whose data is not here: remove it, and add a learner"
		case own && each.Name != "":
			return "", "a learner of this address has run before, and its data is not here: remove it, and add another"
		case own:
			reason = ""
			each.Name = name
		case each.Name == "":
			// Not started yet. Its name is not compared, but there has to be one.
			each.Name = fmt.Sprintf("unnamed-%d", index)
		}
		for _, url := range each.PeerURLs {
			entries = append(entries, each.Name+"="+url)
		}
	}
	if reason != "" {
		return "", reason
	}
	return strings.Join(entries, ","), ""
}

func membersOf(ctx context.Context, client *http.Client, seed string) ([]listed, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, seed+"/members", nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", seed, response.StatusCode)
	}
	var list []listed
	if err := json.NewDecoder(io.LimitReader(response.Body, answerLimit)).Decode(&list); err != nil {
		return nil, fmt.Errorf("%s: %w", seed, err)
	}
	return list, nil
}

func peerClient(s Settings) (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no certificate", s.CAFile)
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}, nil
}
