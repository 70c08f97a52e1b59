package oss

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	// tokenSeconds is the life of the metadata token: two questions are asked with it.
	tokenSeconds = "60"
	// answerLimit bounds an answer of the metadata service; credentials take about a kilobyte.
	answerLimit = 64 << 10
)

// RoleCredentials asks the metadata service at `base`, in its hardened mode, for the credentials of the instance's role.
func RoleCredentials(ctx context.Context, client *http.Client, base string) (Credentials, error) {
	ask := func(method, path string, header, value string) (string, error) {
		request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(base, "/")+path, nil)
		if err != nil {
			return "", err
		}
		request.Header.Set(header, value)
		response, err := client.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("metadata service: %s %s: status %d", method, path, response.StatusCode)
		}
		return strings.TrimSpace(string(body)), err
	}
	token, err := ask(http.MethodPut, "/latest/api/token", "X-aliyun-ecs-metadata-token-ttl-seconds", tokenSeconds)
	if err != nil {
		return Credentials{}, err
	}
	const folder = "/latest/meta-data/ram/security-credentials/"
	roles, err := ask(http.MethodGet, folder, "X-aliyun-ecs-metadata-token", token)
	if err != nil {
		return Credentials{}, fmt.Errorf("this instance seems to have no role: %w", err)
	}
	role, _, _ := strings.Cut(roles, "\n")
	text, err := ask(http.MethodGet, folder+role, "X-aliyun-ecs-metadata-token", token)
	if err != nil {
		return Credentials{}, err
	}
	var answer struct {
		Code, AccessKeyId, AccessKeySecret, SecurityToken string
	}
	// The answer is a secret: an error about it shows nothing of it.
	if json.Unmarshal([]byte(text), &answer) != nil || answer.AccessKeyId == "" || answer.AccessKeySecret == "" || answer.SecurityToken == "" {
		return Credentials{}, errors.New("metadata service: its answer for role " + role + " holds no credentials")
	}
	if answer.Code != "Success" {
		return Credentials{}, fmt.Errorf("metadata service: credentials of role %s: code %s", role, answer.Code)
	}
	return Credentials{answer.AccessKeyId, answer.AccessKeySecret, answer.SecurityToken}, nil
}
