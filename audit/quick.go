package audit

import "time"

// quick reads the header of a line as the daemon writes it: seq, t and ev first, prev last. What stands between is not looked
// at: the hash that the next line carries speaks for every byte of it, and verify is as fast as hashing. Where parseHeader takes
// the line too, the result is the same. Lines that look otherwise are left to parseHeader.
func quick(line []byte) (h header, ok bool) {
	const (
		seqKey, timeKey, evKey, prevKey = `{"seq":`, `,"t":`, `,"ev":"`, `,"prev":`
		timeSize                        = len(timeLayout) + 2
		prevSize                        = 66
	)
	if len(line) < len(seqKey)+1+len(timeKey)+timeSize+len(evKey)+len(prevKey)+prevSize+1 || string(line[:len(seqKey)]) != seqKey {
		return h, false
	}
	i := len(seqKey)
	for i < len(seqKey)+20 && line[i]-'0' <= 9 {
		i++
	}
	end := len(line) - 1
	prev := end - prevSize
	if i+len(timeKey)+timeSize+len(evKey)+len(prevKey) > prev || string(line[i:i+len(timeKey)]) != timeKey ||
		string(line[prev-len(prevKey):prev]) != prevKey || line[end] != '}' {
		return h, false
	}
	t := i + len(timeKey)
	ev := t + timeSize
	if string(line[ev:ev+len(evKey)]) != evKey {
		return h, false
	}
	h.own = ownEvent(line[ev+len(evKey)-1:])
	var good [3]bool
	h.seq, good[0] = number(line[len(seqKey):i])
	h.t, good[1] = stamp(line[t:ev])
	h.prev, good[2] = digest(line[prev:end])
	return h, good == [3]bool{true, true, true} && h.seq != 0
}

// ownEvent says that the value of ev names a record of the log about itself.
func ownEvent(val []byte) bool { return len(val) > 7 && string(val[:7]) == `"audit.` }

// stamp reads "2006-01-02T15:04:05.000000Z", quotes included, and nothing else.
func stamp(val []byte) (t time.Time, ok bool) {
	if len(val) != len(timeLayout)+2 || val[0] != '"' || val[len(val)-1] != '"' {
		return t, false
	}
	val = val[1 : len(val)-1]
	for i, c := range val {
		if want := timeLayout[i]; want >= '0' && want <= '9' {
			if c-'0' > 9 {
				return t, false
			}
		} else if c != want {
			return t, false
		}
	}
	year, month, day := pair(val)*100+pair(val[2:]), pair(val[5:]), pair(val[8:])
	hour, minute, second := pair(val[11:]), pair(val[14:]), pair(val[17:])
	if month < 1 || month > 12 || day < 1 || day > 28 && day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return t, false
	}
	micro := pair(val[20:])*10000 + pair(val[22:])*100 + pair(val[24:])
	unix := int64(daysSince1970(year, month, day))*86400 + int64(hour*3600+minute*60+second)
	return time.Unix(unix, int64(micro)*1000).UTC(), true
}

// pair is the number of two digits.
func pair(b []byte) int { return int(b[0]-'0')*10 + int(b[1]-'0') }

func daysIn(year, month int) int {
	return daysSince1970(year, month+1, 1) - daysSince1970(year, month, 1)
}

// daysSince1970 counts days of the Gregorian calendar; years begin in March, so that the leap day is the last one. A month 13 is
// the next January.
func daysSince1970(year, month, day int) int {
	if month < 3 {
		year, month = year-1, month+12
	}
	year += 400 // no division of a negative number; 400 years are 146097 days
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468 - 146097
}
