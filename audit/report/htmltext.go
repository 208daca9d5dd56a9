package report

import "strings"

// htmlText is what the page itself says in one language.
type htmlText struct {
	Lang, Kind, Contents, Period, Zone, Made, Records, LastHash, Policies, First, Last string
	Filter, Limits, Bad, Proof, Sign, Name, Day, Data, Total, Left, More, Empty, Label string
	Other, Scale, Counts, Proofs, Params                                               string
	Checks                                                                             []string // how to check a report, line by line
}

func htmlTexts(lang string) htmlText {
	if strings.HasPrefix(lang, "zh") {
		return htmlTextChinese()
	}
	return htmlTextEnglish()
}

func htmlTextEnglish() htmlText {
	return htmlText{
		Lang: "en", Kind: "Report on the audit log", Contents: "Contents", Period: "Period", Zone: "Time zone", Made: "Made", Records: "Records",
		LastHash: "Hash of the last", Policies: "Policies", First: "first record", Last: "last record",
		Filter: "Count again with", Limits: "What this report cannot show", Bad: "lines of the log are no records. The first:",
		Proof: "Basis and proof", Sign: "Signatures", Name: "Name and signature", Day: "Date", Data: "The figures as a table", Total: "Total",
		Left: "rows are left off.", More: "more", Empty: "Nothing.", Label: "Item", Other: "others", Scale: "per square",
		Params: "Parameters", Counts: "How each figure is counted again", Proofs: "Records with proofs that go with this report",
		Checks: []string{
			"This report proves nothing by itself. Whether the log it was made of is whole is told by: matterfs audit verify",
			"The last record must still have the hash above: the record after it carries it as prev.",
			"Single records are proven to others by: matterfs audit prove",
		},
	}
}

func htmlTextChinese() htmlText {
	return htmlText{
		Lang: "zh-CN", Kind: "审计日志报告", Contents: "目录", Period: "期间", Zone: "时区", Made: "制作时间", Records: "依据记录",
		LastHash: "末条哈希", Policies: "依据策略", First: "首条记录", Last: "末条记录",
		Filter: "复核查询", Limits: "本报告不能说明的事项", Bad: "行日志不是有效记录,首处:",
		Proof: "依据与验证", Sign: "签字", Name: "姓名(签字)", Day: "日期", Data: "图表数据", Total: "合计",
		Left: "行未列出。", More: "其余", Empty: "无。", Label: "项目", Other: "其他", Scale: "每格",
		Params: "参数", Counts: "各项数字的复核查询", Proofs: "随附证明的记录数",
		Checks: []string{
			"本报告本身不构成证明。所依据的日志是否完整,须以 matterfs audit verify 验证。",
			"末条记录的哈希须与上列一致:其后一条记录的 prev 即为该值。",
			"向他人证明单条记录,请用 matterfs audit prove。",
		},
	}
}
