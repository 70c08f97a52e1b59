package unit

import "slices"

// Order gives, for every unit of a transaction, the others of it that must be started before: After= of its own, Before= of theirs.
// A cycle is broken by dropping the edge that closes it, as systemd does (which drops the job); `dropped` names what was dropped.
func Order(units map[string]*Unit) (before map[string][]string, dropped []string) {
	before = map[string][]string{}
	names := make([]string, 0, len(units))
	for name := range units {
		names = append(names, name)
	}
	slices.Sort(names)
	// Is `target` reachable from `from` over what is already there? Then target must not wait for it.
	var reaches func(from, target string) bool
	reaches = func(from, target string) bool {
		if from == target {
			return true
		}
		return slices.ContainsFunc(before[from], func(next string) bool { return reaches(next, target) })
	}
	add := func(first, then string) {
		if units[first] == nil || units[then] == nil || slices.Contains(before[then], first) {
			return
		}
		if reaches(first, then) {
			dropped = append(dropped, first+" before "+then)
			return
		}
		before[then] = append(before[then], first)
	}
	for _, name := range names {
		for _, first := range units[name].After {
			add(first, name)
		}
		for _, then := range units[name].Before {
			add(name, then)
		}
	}
	return before, dropped
}
