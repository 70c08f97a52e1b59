package unit

import "strings"

// Command is one Exec line: what is run, and whether its failure counts.
type Command struct {
	// IgnoreFailure is the prefix `-`.
	IgnoreFailure bool
	// Words are unexpanded: the first is the executable.
	Words []string
}

func parseCommand(value string) (Command, error) {
	command := Command{}
	words, err := splitWords(value)
	if err != nil || len(words) == 0 {
		return command, err
	}
	// `@`, `:`, `+` and `!` are about privileges and argv[0]: there are none here.
	for words[0] != "" && strings.ContainsRune("-@:+!", rune(words[0][0])) {
		command.IgnoreFailure = command.IgnoreFailure || words[0][0] == '-'
		words[0] = words[0][1:]
	}
	command.Words = words
	return command, nil
}

// Expand replaces variables as systemd.service(5) says: `${A}` anywhere in a word gives one word, `$A` as a whole word is split at
// blanks (and vanishes if empty), `$$` is a dollar sign. One that is not set is empty.
func (c Command) Expand(environment map[string]string) []string {
	var words []string
	for i, word := range c.Words {
		name, whole := strings.CutPrefix(word, "$")
		if i > 0 && whole && isName(name) {
			words = append(words, strings.Fields(environment[name])...)
			continue
		}
		words = append(words, expandBraces(word, environment))
	}
	return words
}

func expandBraces(word string, environment map[string]string) string {
	var out strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] != '$' || i+1 == len(word) {
			out.WriteByte(word[i])
			continue
		}
		if word[i+1] == '$' {
			out.WriteByte('$')
			i++
			continue
		}
		end := strings.IndexByte(word[i:], '}')
		if word[i+1] != '{' || end < 0 {
			out.WriteByte('$')
			continue
		}
		out.WriteString(environment[word[i+2:i+end]])
		i += end
	}
	return out.String()
}

func isName(text string) bool {
	for i, c := range text {
		if !(c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return text != ""
}

// parseEnvironment reads `Environment=A=1 "B=two words"`.
func parseEnvironment(value string, into map[string]string) error {
	words, err := splitWords(value)
	for _, word := range words {
		if name, text, found := strings.Cut(word, "="); found {
			into[name] = text
		}
	}
	return err
}

// ParseEnvironmentFile reads the lines `NAME=value` of an EnvironmentFile; quotes around the value are dropped.
func ParseEnvironmentFile(text string, into map[string]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if !found {
			continue
		}
		value = strings.TrimSpace(value)
		if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		into[strings.TrimSpace(strings.TrimPrefix(name, "export "))] = value
	}
}
