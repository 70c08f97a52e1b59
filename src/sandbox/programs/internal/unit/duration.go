package unit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Infinity is what `infinity` means for a time-out: none.
const Infinity = time.Duration(1<<63 - 1)

var spans = map[string]time.Duration{
	"us": time.Microsecond, "usec": time.Microsecond,
	"ms": time.Millisecond, "msec": time.Millisecond,
	"": time.Second, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// parseDuration reads a time span as in systemd.time(7): `5`, `1min 30s`, `200ms`, `infinity`.
func parseDuration(text string) (time.Duration, error) {
	if text == "infinity" {
		return Infinity, nil
	}
	var total time.Duration
	rest := strings.TrimSpace(text)
	if rest == "" {
		return 0, fmt.Errorf("empty time span")
	}
	for rest != "" {
		digits := 0
		for digits < len(rest) && (rest[digits] >= '0' && rest[digits] <= '9' || rest[digits] == '.') {
			digits++
		}
		number, err := strconv.ParseFloat(rest[:digits], 64)
		if err != nil {
			return 0, fmt.Errorf("bad time span %q", text)
		}
		rest = strings.TrimLeft(rest[digits:], " ")
		letters := 0
		for letters < len(rest) && rest[letters] >= 'a' && rest[letters] <= 'z' {
			letters++
		}
		span, known := spans[rest[:letters]]
		if !known {
			return 0, fmt.Errorf("unknown unit %q in time span %q", rest[:letters], text)
		}
		total += time.Duration(number * float64(span))
		rest = strings.TrimLeft(rest[letters:], " ")
	}
	return total, nil
}
