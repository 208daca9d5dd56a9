package main

import (
	"strconv"
	"time"
)

const (
	// stateWindow and eventWindow are for how long more of the same is counted instead of told.
	stateWindow = 10 * time.Second
	eventWindow = 10 * time.Minute
	// limitMost bounds how many different things are told apart: some people have thousands of uids.
	limitMost = 1024
)

// limiter tells the first of equal alerts at once, and counts the others until its window ends.
type limiter struct {
	open map[string]*window
}

type window struct {
	ends  time.Time
	last  alert
	since time.Time // of the first that was counted
	count uint64
}

// limitKey names what makes two alerts equal: a state is on or off, an event is of one person.
func limitKey(al alert) string {
	key := al.What
	if al.UID != nil {
		key += " " + strconv.FormatUint(uint64(*al.UID), 10)
	}
	return key
}

func windowOf(al alert) time.Duration {
	if al.State == stateEvent {
		return eventWindow
	}
	return stateWindow
}

// take returns what is to be told now.
func (l *limiter) take(al alert, now time.Time) []alert {
	key := limitKey(al)
	if _, known := l.open[key]; !known && len(l.open) >= limitMost {
		key, al.UID, al.User = al.What, nil, "" // the one that stands for all others
	}
	w := l.open[key]
	if w == nil {
		l.open[key] = &window{ends: now.Add(windowOf(al))}
		return []alert{al}
	}
	if w.count == 0 {
		w.since = al.Since
	}
	w.last = al
	w.count++
	return nil
}

// due returns what was counted in the windows that have ended.
func (l *limiter) due(now time.Time) (list []alert) {
	for key, w := range l.open {
		if now.Before(w.ends) {
			continue
		}
		if w.count == 0 {
			delete(l.open, key)
			continue
		}
		al := w.last
		if al.Repeats = w.count - 1; al.State == stateEvent {
			al.Since = w.since
		}
		list = append(list, al)
		*w = window{ends: now.Add(windowOf(al))}
	}
	return list
}
