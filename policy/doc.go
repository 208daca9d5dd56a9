// Package policy decides who may do what in which matter.
//
// A policy is a directory of YAML files that the firm's administrators write.
// [Load] reads it into an immutable [Policy]; [Policy.Decide] answers one
// request. The package is pure: no FUSE, no clock but the one passed in, no disk
// but in Load and [CheckOwnership]. It is the only package that knows YAML.
//
//	p, err := policy.Load("/srv/firm/policy") // *Errors lists every mistake
//	d := p.Decide(policy.Request{UID: 10021, Matter: "2026-0142", Path: "证据/合同.docx",
//		Op: policy.OpOpenRead, At: time.Now(), Env: env})
//	if !d.Allow { ... d.Rule, d.Reason, d.Shown }
//
// # Files
//
// Every *.yaml and *.yml file below the directory is read, hidden ones left
// out. By convention firm.yaml holds the firm, matters/*.yaml one matter each,
// walls.yaml the walls and tests.yaml the tests; any other split means the
// same, and so does any order. A file is either one matter (it has the key
// `matter`) or any of the firm-wide parts:
//
//	version: 1                     # required
//	timezone: Asia/Shanghai        # required
//	as_of: 2026-11-22              # the day at which tests without `at` are asked
//	limits: { stale: 72h }         # how long an old policy may run after a failed reload
//	levels:                        # required, low to high
//	  秘密: {}
//	  机密: { purpose: required }   # a standing purpose will do
//	  绝密: { purpose: session, two_person: { ttl: 4h }, max_readers: 5, deny_roles: [intern],
//	         named_only: true, mapping: deny, log_sync: group,
//	         log_reads: each }       # a record for each read; cover: one for those that follow, too
//	tags:                          # special categories; their rules add to those of the level
//	  国家秘密: { level: 绝密, named_only: true, mapping: deny }      # level: at least this one
//	  未成年人: { deny_roles: [intern, contractor], purpose: required }
//	departments: [诉讼部, 知产部]
//	wide_roles: allow              # without it, or with deny, no role's `wide` gives anything
//	roles:                         # a role only caps, it never grants, unless it is wide
//	  lawyer:     { clearance: 绝密, rights: [read, write, create, delete, rename] }
//	  admin:      { clearance: 机密, rights: [read], approval: required }
//	  contractor: { clearance: 秘密, rights: [read], until: required, nda: required }
//	  director:   { clearance: 机密, rights: [read], wide: department }      # or firm
//	users:
//	  zhang.wei: { uid: 10021, role: lawyer, name: 张伟, department: 诉讼部 }
//	  wang.qiang: { uid: 10023, role: lawyer, status: departed, since: 2026-10-31 }
//	  fan.yi: { uid: 10031, role: contractor, org: 译通翻译, until: 2027-01-31, clearance: 秘密,
//	           nda: { ref: NDA-2026-07, signed: 2026-07-01, until: 2027-06-30 } }
//	groups:
//	  litigation: { unix: lit-team }           # members as the system says at the moment
//	  partners: { members: [zhang.wei] }
//	duties: { sysadmin: [chen.it], secadmin: [qian.li], auditor: [zhou.hua] }
//	blocked:
//	  - { org: 某调查公司, reason: 违反保密协议, until: 2028-01-01 }    # or user: NAME
//	matters: []                    # matters as a list, the keys as below
//
// A matter:
//
//	matter: "2026-0142"            # required; also the folder's name unless `folder` says another
//	client: C0091                  # required: walls against a client must find it
//	lead: zhang.wei                # required; has every right the role leaves
//	level: 机密                     # without it the top level
//	title: 甲公司诉乙公司买卖合同纠纷
//	purpose: 代理诉讼               # the lead's standing purpose; 承办 when not given
//	status: active                 # active | closed (read-only) | sealed | destroyed
//	tags: [未成年人]                # any words; `tags` of the firm gives some of them rules, walls go by them
//	department: 诉讼部
//	members:
//	  - { user: li.na, rights: [read, write, create], until: 2027-03-31, purpose: 证据整理 }
//	  - { group: litigation, rights: [read], purpose: 案件研讨, ack: required }
//	folders:
//	  - { path: 鉴定, level: 绝密 }  # the folder and all below; may only raise
//	  - { path: 证据/谈判, only: [user: zhang.wei] }
//	  - { path: 涉密, tags: [国家秘密] }
//
// Walls and tests:
//
//	walls:
//	  - { id: W-07, screen: [user: chen.jie], from: [client: C0091], until: 2027-10-31, reason: 曾代理对方当事人 }
//	  - { id: W-08, between: [[matter: "2026-0142"], [matter: "2026-0177"]], reason: 知情同意书 }
//	  - { id: W-09, only: [user: zhang.wei], to: [matter: "2026-0200"], reason: 需知 }
//	tests:
//	  - { as: li.na, can: [read, write], on: 2026-0142/证据/合同.docx, at: 2026-12-01 }
//	  - { as: chen.jie, cannot: read, on: 2026-0142, because: wall.W-07 }
//	  - { only: [zhang.wei, li.na], can: write, on: 2026-0142 }
//
// Screen and only take user and group; from and to take matter, client and
// tag; the sides of between, two or more, take all five, and one of them names
// a matter, client or tag. Each item is one such pair. Whoever has a grant on
// one side, be it over or waiting, is kept out of the others. A test takes users
// into system groups with `in: [litigation]`; without it nobody is in any.
//
// A date is the whole day in the firm's time zone: `until: 2026-12-31` lets in
// until the first moment of the next day. A moment is written as RFC 3339. Ids
// are kept as they are written: 0123 stays 0123.
//
// Anchors, aliases, tags, directives, further documents, tabs, byte order
// marks, full-width colons and text that is not UTF-8 are mistakes, as are
// unknown keys and names, and a key without a value: no list is empty unless it
// is written as []. Names have no invisible characters and no blanks at their
// ends. Two matters, clients, tags or organisations that look the same (NFKC,
// case folded) and are not are a mistake, because a wall would miss one. Every
// mistake is reported at once:
//
//	firm.yaml:12:34: error: unknown role "lawer"
//	      zhang.wei: { uid: 10021, role: lawer }
//	                                     ^
//	    hint: did you mean "lawyer"?
//
// # Operations and rights
//
// Any one of the rights suffices. A test reads this table and compares it with
// [Op.Needs].
//
//	operation   needs            on what the caller created   in a closed matter
//	lookup      read             read                         yes
//	getattr     read             read                         yes
//	list        read             read                         yes
//	open        read             read                         yes
//	read        read             read                         yes
//	fill        read             read                         yes
//	readlink    read             read                         yes
//	getxattr    read             read                         yes
//	openwrite   write            write|create                 no
//	write       write            write|create                 no
//	truncate    write            write|create                 no
//	setattr     write            write|create                 no
//	setxattr    write            write|create                 no
//	allocate    write            write|create                 no
//	fsync       read|write       read|write                   yes
//	create      write|create     write|create                 no
//	mkdir       create           create                       no
//	symlink     create           create                       no
//	unlink      delete           write|create|delete          no
//	rmdir       delete           write|create|delete          no
//	rename      rename           write|create|rename          no
//	renameto    write|create|rename  write|create|rename      no
//	replace     write|delete     write|create|delete          no
//
// So a member with `write` can save in any editor: make a temporary and a lock
// file, replace the document by a rename, remove what is left over. A member
// with `create` alone can fill, save and take back the documents that they made
// themselves, and change nobody else's.
//
// # Tags with rules
//
// Where a matter or a folder has a tag that the firm gives rules, and in all
// below, these come on top of the level's: at least that level, roles that are
// kept out, named people only, no mapping, a purpose, a record for each read
// (log_reads: each), records on the disk before an open is answered. What a tag
// refuses has the
// rule tag.NAME, but for need.purpose and for the level that it raises. A level
// that a tag raises above the written one is a warning. Walls against a tag
// concern the matters that have it, not folders.
//
// # Records that survive a power cut
//
// With `log_sync: group` at the level, or for a tag, a document or folder is
// opened only when the record of it is on the medium ([Decision].LogSync): the
// few records that a power cut may take are then never the only trace of
// somebody who read. Callers share each write to the disk. An open at such a
// level takes as long as that write.
//
// # Wide roles
//
// A wide role reads matters without an entry in them: those of its users'
// department, or all of the firm. It is off until the firm writes `wide_roles:
// allow`, and each use is logged with a rule of its own (member.wide.department,
// member.wide.firm). It is less than any membership: reading only; not at the top
// level, where named people are asked for or readers are limited; without a
// purpose, and so not where one is required; not in a matter on a side of a
// `between`, because whoever reads everything would stand on all sides; and not
// through a wall or a folder's `only`. A matter whose own root it does not reach
// does not exist for it.
//
// # Levels that a folder carries itself
//
// A folder can be sealed at a level that no rule of the policy gives it (see
// [Request].Sealed). All that the level asks for applies. Where more people may
// read, in this matter and here, than the level's max_readers, everybody is
// refused (level.full) until the matter names fewer; for levels that the policy
// itself gives, that is a mistake at load.
//
// # Refusals
//
// [Policy.Decide] says in which order the gates are asked and how a refusal
// looks to the caller. [RuleText] says each rule code in words, and
// [Policy.Explain] whom to ask. Two rules come from no file: user.disabled and
// matter.frozen are what [Env] says of the emergency list; a frozen matter is
// refused to all its members, for reading too, and stays hidden from others.
// What needs a record that no part of the system
// keeps yet is refused: ack, approval, a purpose per session, a second person.
//
// # Not protected
//
// The policy trusts its Env: who is in a system group is what the system says,
// and a wall against a system group (a warning) keeps out those whom the system
// still knows. While it does not say, grants to the group give nothing and walls
// against it keep everybody out. Unicode normal forms are told apart inside a
// matter, so a folder rule names exactly the bytes it is written with; what has
// once been sealed at a level stays there whatever its name.
//
// Uids should not be used again. Who created a document is known by uid for
// ever: somebody new who is given a leaver's uid counts as the creator of what
// the leaver made, and may change and remove it as far as the column on own
// documents goes. Keep leavers in the policy with their uid, `status: departed`;
// a load then warns of such a pair.
package policy
