// Package unit reads systemd unit files: the part of their language that wdrip's own units, and kubeadm's, use.
package unit

import (
	"fmt"
	"strings"
)

// Entry is one `Key=value` line of a section, in the order in which it was read.
type Entry struct {
	Section, Key, Value string
}

// parse splits a unit file's text into entries. A backslash at the end of a line continues it; `#` and `;` begin comments, also
// between continued lines, as in systemd.syntax(7).
func parse(text string) ([]Entry, error) {
	var entries []Entry
	section, pending := "", ""
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
			continue
		}
		if rest, continued := strings.CutSuffix(line, "\\"); continued {
			pending += rest + " "
			continue
		}
		trimmed = strings.TrimSpace(pending + line)
		pending = ""
		switch {
		case trimmed == "":
		case strings.HasPrefix(trimmed, "["):
			name, closed := strings.CutSuffix(trimmed[1:], "]")
			if !closed {
				return nil, fmt.Errorf("line %d: section header %q has no closing bracket", number+1, trimmed)
			}
			section = name
		default:
			key, value, found := strings.Cut(trimmed, "=")
			if !found {
				return nil, fmt.Errorf("line %d: %q is not of the form Key=value", number+1, trimmed)
			}
			if section == "" {
				return nil, fmt.Errorf("line %d: %q stands before the first section", number+1, trimmed)
			}
			entries = append(entries, Entry{section, strings.TrimSpace(key), strings.TrimSpace(value)})
		}
	}
	return entries, nil
}

// splitWords splits a value as systemd does: at blanks, with single and double quotes and C escapes.
func splitWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote byte
	started := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			started = true
			switch text[i] {
			case 'n':
				word.WriteByte('\n')
			case 't':
				word.WriteByte('\t')
			case 's':
				word.WriteByte(' ')
			case '\\', '"', '\'':
				word.WriteByte(text[i])
			default:
				word.WriteByte('\\')
				word.WriteByte(text[i])
			}
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteByte(c)
			}
		case c == '"' || c == '\'':
			quote, started = c, true
		case c == ' ' || c == '\t':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("unbalanced quote in %q", text)
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}
