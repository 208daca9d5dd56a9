package report

import (
	"fmt"
	"strings"
	"time"
)

var shanghai = func() *time.Location {
	loc, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return loc
}()

// longName is as long as a name can be: 85 汉字 are 255 bytes.
var longName = strings.Repeat("关于甲公司与乙公司买卖合同纠纷一案的补充鉴定意见", 4)[:255]

// sample is a report with everything that the model has.
func sample(lang string, rows int) *Report {
	day := time.Date(2026, 11, 2, 1, 31, 4, 0, time.UTC)
	pick := func(en, zh string) string {
		if lang == "zh" {
			return zh
		}
		return en
	}
	r := &Report{
		Name: "matter", Lang: lang, Title: pick("Who opened what in matter 2026-0142", "案件 2026-0142 查阅情况报告"), Made: day.AddDate(0, 1, 0).In(shanghai), Zone: "Asia/Shanghai",
		From: time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 30, 16, 0, 0, 0, time.UTC),
		Params: []Param{{"matter", pick("Matter", "案件"), "2026-0142"}, {"client", pick("Client", "客户"), "C0091"}},
		Basis: Basis{Records: 1284310, First: 48212, Last: 1332521, LastHash: strings.Repeat("9f2c1a7be0d45c31", 4),
			Policies: pick("7 policies, from 2026-01-03 to now; all kept", "7 份策略,自 2026-01-03 至今,均有留存")},
		Limits: []string{
			pick("What people photographed, printed or told others is in no log.", "拍照、打印、口头转述不在日志之内。"),
			pick("A page that was mapped into memory is recorded when it is first read, not each time it is looked at.", "映射到内存的页面仅在首次读取时记录。"),
		},
	}
	r.Sections = append(r.Sections, sampleFigures(pick), sampleColumns(pick, day), sampleWeek(pick), sampleBars(pick), sampleTable(pick, day, rows), sampleSign(pick, day))
	return r
}

func sampleFigures(pick func(en, zh string) string) Section {
	return Section{ID: "overview", Title: pick("At a glance", "概览"),
		Intro: pick("Everything that was opened, changed or refused in this matter in the period.", "本期内该案件中一切打开、修改与被拒绝的操作。"), Filter: "matter=2026-0142",
		Figures: []Figure{
			{ID: "people", Label: pick("People", "查阅人数"), Value: int64(12), Kind: Number},
			{ID: "opens", Label: pick("Documents opened", "打开文件次数"), Value: int64(18230), Kind: Number, Note: pick("records open, ok", "open 且成功的记录")},
			{ID: "bytes", Label: pick("Bytes read", "读取字节"), Value: int64(48_213_456_789), Kind: Bytes, Note: pick("totals of close", "依 close 记录合计")},
			{ID: "denied", Label: pick("Refusals", "被拒绝"), Value: int64(37), Kind: Number, Alarm: true, Note: pick("3 times the median of the last 6 months", "为近 6 个月中位数的 3 倍")},
			{ID: "share", Label: pick("Outside working hours", "非工作时间占比"), Value: 12.44, Kind: Percent},
			{ID: "last", Label: pick("Last opened", "最近一次打开"), Value: time.Date(2026, 11, 30, 9, 12, 44, 0, time.UTC), Kind: Moment},
		}}
}

func sampleColumns(pick func(en, zh string) string, day time.Time) Section {
	c := &Chart{Kind: ChartColumns, Title: pick("Operations a day", "每日操作次数"), Unit: pick("records", "条"), Series: []Series{
		{Name: pick("opened", "打开")}, {Name: pick("changed", "修改")}, {Name: pick("created", "新建")}, {Name: pick("renamed", "改名")}, {Name: pick("deleted", "删除")}, {Name: pick("refused", "拒绝")}}}
	for i := range 30 {
		c.Labels = append(c.Labels, day.AddDate(0, 0, i).Format("01-02"))
		for k := range c.Series {
			n := float64((i*7+k*13)%23*(8-k) + 3)
			if wd := day.AddDate(0, 0, i).Weekday(); wd == 0 || wd == 6 {
				n = 0
			}
			c.Series[k].Values = append(c.Series[k].Values, n)
		}
	}
	return Section{ID: "days", Title: pick("Day by day", "逐日情况"), Chart: c, Filter: "matter=2026-0142 ok"}
}

func sampleWeek(pick func(en, zh string) string) Section {
	c := &Chart{Kind: ChartWeek, Title: pick("When it was opened", "查阅时段"), Unit: pick("opens", "次")}
	for h := range 24 {
		c.Labels = append(c.Labels, fmt.Sprintf("%02d", h))
	}
	days := strings.Fields(pick("Mon Tue Wed Thu Fri Sat Sun", "周一 周二 周三 周四 周五 周六 周日"))
	for d, name := range days {
		s := Series{Name: name, Values: make([]float64, 24)}
		for h := 8; h < 21; h++ {
			if d < 5 {
				s.Values[h] = float64((h*11+d*17)%60 + 4)
			}
		}
		c.Series = append(c.Series, s)
	}
	c.Series[5].Values[23] = 7
	return Section{ID: "week", Title: pick("Time of the week", "一周时段分布"), Chart: c}
}

func sampleBars(pick func(en, zh string) string) Section {
	names := []string{pick("Zhang Wei", "张伟") + " (zhang.wei)", pick("Li Na", "李娜") + " (li.na)", longName, "<b>wang</b>", "\u202eexe.fdp"}
	c := &Chart{Kind: ChartBars, Title: pick("By person", "按人员"), Unit: pick("opens", "次"), Labels: names,
		Series: []Series{{pick("in working hours", "工作时间"), []float64{8120, 5210, 90, 44, 3}}, {pick("outside", "非工作时间"), []float64{300, 1210, 0, 4, 2}}}}
	return Section{ID: "people", Title: pick("Who", "人员"), Chart: c}
}

func sampleTable(pick func(en, zh string) string, day time.Time, rows int) Section {
	t := &Table{Left: 1204, Columns: []Column{
		{"seq", pick("Record", "记录"), Seq}, {"time", pick("Time", "时间"), Moment}, {"who", pick("Person", "人员"), Text}, {"ev", pick("What", "操作"), Text},
		{"path", pick("Document", "文件"), Text}, {"bytes", pick("Read", "读取"), Bytes}, {"rule", pick("Rule", "依据"), Text}, {"login", pick("Login differs", "登录人不同"), Check}}}
	names := []string{"证据/合同-0031.docx", longName, "a\u202efdp.exe", "tab\there\x00\xff", "שלום/مرحبا.pdf", "e" + strings.Repeat("\u0301", 40), strings.Repeat("x", 200)}
	for i := range rows {
		t.Rows = append(t.Rows, []Cell{uint64(48212 + i*3), day.Add(time.Duration(i) * 17 * time.Minute), pick("Zhang Wei", "张伟"), pick("open", "打开"),
			names[i%len(names)], int64(i) * 7_123_457, "member.lead", i%9 == 0})
	}
	return Section{ID: "opens", Title: pick("Every opening", "逐次打开"), Table: t, Filter: `matter=2026-0142 ev=open path~"a b"`}
}

func sampleSign(pick func(en, zh string) string, day time.Time) Section {
	t := &Table{Columns: []Column{{"who", pick("Person", "人员"), Text}, {"rights", pick("Rights", "权限"), Text}, {"until", pick("Until", "期限"), Date}, {"used", pick("Used", "使用比例"), Percent},
		{"keep", pick("Keep", "保留"), Blank}, {"drop", pick("Take away", "撤销"), Blank}, {"pol", pick("Policy", "策略"), Hash}}}
	for i, name := range []string{"张伟", "李娜", "王强"} {
		t.Rows = append(t.Rows, []Cell{name, "read write", day.AddDate(0, i, 0), float64(i) * 33.3, nil, nil, "9f2c1a7be0d4"})
	}
	return Section{ID: "sign", Title: pick("Review of rights", "权限复核"), Table: t, Sign: []string{pick("Matter lead", "案件负责人"), pick("Auditor", "审计员")}}
}
