//go:build apps

package apptest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"matterfs/internal/as"
)

// sql runs statements in one sqlite3 process and returns what they print.
func (s *site) sql(u *as.User, statements string) string {
	s.t.Helper()
	return strings.TrimSpace(s.runs(u, s.dir, "sqlite3", "-bail", "-cmd", ".timeout 60000", "案件.db", statements))
}

// database makes an empty one that both may write: sqlite gives its journals the mode of the database.
func (s *site) database() {
	s.zhang.Writes(s.path("案件.db"), "")
	s.zhang.Does(s.zhang.Chmod(s.path("案件.db"), 0o666))
}

// TestSqlite: two members write one database at the same time, in each journal mode; no row is lost and the file is
// sound. WAL mode shares a mapped index between their processes, the others rely on POSIX locks.
func TestSqlite(t *testing.T) {
	for _, mode := range []string{"wal", "delete", "truncate", "persist"} {
		t.Run(mode, func(t *testing.T) {
			s := open(t)
			s.database()
			if got := s.sql(s.zhang, "pragma journal_mode="+mode+"; create table 证据(id integer primary key, who int, text text);"); got != mode {
				t.Fatalf("journal mode is %q, want %q", got, mode)
			}
			const each = 60
			s.fillTogether(each)
			if got := s.sql(s.li, "select who, count(*) from 证据 group by who order by who"); got != fmt.Sprintf("10021|%d\n10022|%d", each, each) {
				t.Errorf("rows: %q", got)
			}
			s.sql(s.zhang, "pragma journal_mode="+mode+"; delete from 证据 where id % 3 = 0; vacuum;")
			for _, u := range []*as.User{s.zhang, s.li} {
				if got := s.sql(u, "pragma integrity_check"); got != "ok" {
					t.Errorf("uid %d: integrity_check says %q", u.UID(), got)
				}
			}
		})
	}
}

// fillTogether lets both members insert rows, one transaction each, at the same time.
func (s *site) fillTogether(each int) {
	var wg sync.WaitGroup
	for _, u := range []*as.User{s.zhang, s.li} {
		wg.Go(func() {
			row := fmt.Sprintf("insert into 证据(who, text) values(%d, hex(randomblob(200)));", u.UID())
			r, err := u.Run([]string{"sqlite3", "-bail", "-cmd", ".timeout 60000", "案件.db", strings.Repeat(row, each)}, s.dir)
			if err != nil || r.Code != 0 {
				s.t.Errorf("uid %d: exit %d, %v\n%s", u.UID(), r.Code, err, r.Stderr)
			}
		})
	}
	wg.Wait()
}

// TestSqliteRollsBack: a transaction that its process did not finish leaves nothing, whatever journal held it.
func TestSqliteRollsBack(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		t.Run(mode, func(t *testing.T) {
			s := open(t)
			s.database()
			s.sql(s.zhang, "pragma journal_mode="+mode+"; create table t(x); insert into t values(1);")
			s.tries(s.zhang, s.dir, "sqlite3", "案件.db", "pragma cache_size=2; begin; "+
				"with recursive n(i) as (select 1 union all select i+1 from n where i < 2000) insert into t select randomblob(500) from n;",
				".shell kill -9 $PPID")
			if got := s.sql(s.li, "select count(*) from t; pragma integrity_check;"); got != "1\nok" {
				t.Errorf("after the crash: %q, want 1 row and ok", got)
			}
		})
	}
}
