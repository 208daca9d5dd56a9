#!/usr/bin/env python3
"""Writes the example firm's documents into documents/, byte for byte the same each time.

Only the standard library: a .docx and an .odt are zip files of XML, and the PDF names the standard font STSong-Light
with its predefined encoding, so that no font has to be embedded. The texts are made up; so are all parties.
"""
import os
import sys
import zipfile
from xml.sax.saxutils import escape

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "documents")

CONTRACT = ("产品买卖合同", [
    "合同编号：HS-2024-031",
    "甲方（买方）：江宁恒晟机电设备有限公司",
    "乙方（卖方）：苏北宏图精密铸造有限公司",
    "签订地点：南京市江宁区    签订日期：2024年3月18日",
    "根据《中华人民共和国民法典》及有关法律规定，甲乙双方经平等协商，就甲方向乙方采购数控机床床身铸件事宜，订立本合同。",
    "第一条 标的物。乙方向甲方供应HT300灰铸铁床身铸件一百二十件，型号HC-850，技术要求以双方签字确认的图纸HC-850-01为准。",
    "第二条 价款。单价人民币18,600元，合同总价人民币2,232,000元（大写：贰佰贰拾叁万贰仟元整），含13%增值税及运费。",
    "第三条 交付。乙方应于2024年6月30日前分三批交付完毕，每批四十件，交付地点为甲方江宁厂区。逾期交付的，每逾期一日按未交付部分价款的千分之一支付违约金。",
    "第四条 质量与检验。铸件不得有裂纹、缩松、夹渣等影响使用的缺陷。甲方应于收货后十五日内完成外观及尺寸检验；内部缺陷的质量异议期为使用之日起六个月。",
    "第五条 付款。合同签订后十日内支付30%作为预付款；每批验收合格后三十日内支付该批价款的60%；余款10%作为质量保证金，质保期满后无息退还。",
    "第六条 违约责任。因乙方产品质量不合格造成甲方损失的，乙方应当赔偿，包括加工费、停工损失及为处理缺陷支出的合理费用。",
    "第七条 保密。双方对在履行中知悉的对方图纸、价格、客户名单等商业秘密负有保密义务，保密期限至该信息依法公开之日止。",
    "第八条 争议解决。因本合同发生的争议，双方协商解决；协商不成的，向甲方所在地有管辖权的人民法院提起诉讼。",
    "第九条 本合同一式四份，甲乙双方各执两份，自双方盖章之日起生效。",
    "甲方（盖章）：江宁恒晟机电设备有限公司    授权代表：",
    "乙方（盖章）：苏北宏图精密铸造有限公司    授权代表：",
])

EVIDENCE = ("证据清单", [
    "案号：（2026）苏0115民初4127号    案由：买卖合同纠纷",
    "提交人：原告江宁恒晟机电设备有限公司",
], [
    ["序号", "证据名称", "证明目的", "页数", "原件"],
    ["1", "产品买卖合同（HS-2024-031）", "双方成立买卖合同关系及质量、违约责任约定", "6", "有"],
    ["2", "送货单三份（2024年5月至7月）", "第三批铸件逾期二十三日交付", "3", "有"],
    ["3", "银行电子回单四份", "原告已支付价款人民币2,008,800元", "4", "网银打印"],
    ["4", "外观及尺寸检验记录", "第二、三批铸件存在尺寸偏差", "11", "有"],
    ["5", "探伤检测报告（宁检字2024-0716）", "三十七件铸件存在内部缩松，不符合合同约定", "18", "有"],
    ["6", "质量异议函及EMS回执", "原告在异议期内提出书面异议，被告于次日签收", "3", "有"],
    ["7", "往来微信聊天记录（经公证）", "被告业务经理承认更换了生铁供应商", "26", "公证书"],
    ["8", "停工损失专项审计说明", "因缺陷造成停工损失人民币386,500元", "9", "有"],
])

COMPLAINT = ("民事起诉状", [
    "原告：江宁恒晟机电设备有限公司，住所地南京市江宁区。",
    "被告：苏北宏图精密铸造有限公司，住所地江苏省淮安市。",
    "",
    "诉讼请求：",
    "一、判令被告返还不合格铸件价款人民币688,200元；",
    "二、判令被告赔偿停工及加工损失人民币386,500元；",
    "三、判令被告支付逾期交付违约金人民币17,112元；",
    "四、本案诉讼费、保全费由被告承担。",
    "",
    "事实与理由：",
    "2024年3月18日，原、被告签订《产品买卖合同》，约定被告供应床身铸件",
    "一百二十件，总价2,232,000元。被告交付的第二、三批铸件经检测，有三十七",
    "件存在内部缩松，无法使用；第三批并逾期二十三日交付。原告于质量异议期内",
    "书面提出异议，被告拒不退换。依照《中华人民共和国民法典》第六百一十五条、",
    "第六百一十七条、第五百八十三条、第五百八十四条之规定，特提起诉讼，",
    "请依法支持原告的全部诉讼请求。",
    "",
    "此致",
    "南京市江宁区人民法院",
    "",
    "具状人：江宁恒晟机电设备有限公司",
    "2026年9月2日",
])

MEMO = """案件分析备忘录（律师工作成果，保密）

案件编号：2026-0142
主办律师：张伟        日期：2026年9月20日

一、争议焦点
1. 内部缩松是否属于合同第四条所称“影响使用的缺陷”，举证责任在原告。
2. 原告提出异议的时间：铸件自2024年7月25日起投入使用，异议函于2024年12月9日签收，
   未超过合同约定的六个月质量异议期。被告可能主张应以收货之日起算，需准备反驳。
3. 停工损失是否可预见。建议提交双方磋商阶段的邮件，证明被告知悉铸件用于连续生产线。

二、证据评价
探伤检测报告系我方单方委托，对方很可能申请重新鉴定。应尽早确认三十七件缺陷铸件的封存
状态，并拍照、编号，由双方或者公证处见证。

三、策略
首选调解方案：退还不合格部分价款并补偿损失二十五万元以上。底线由委托人另行书面确认，
未经委托人同意不得向任何第三方透露。

四、待办
- 9月28日前 李娜：整理聊天记录公证书目录；
- 10月10日前 张伟：与委托人核对停工损失计算口径；
- 10月15日前 提交证据及证据清单。
"""

OUTLINE = """庭审提纲

一、程序
确认对方代理人身份及授权范围；对合议庭组成人员不申请回避。

二、举证顺序
第一组：合同、付款凭证（证据1、3），证明合同关系及我方履行情况。
第二组：送货单、检验记录、探伤检测报告（证据2、4、5），证明逾期及质量缺陷。
第三组：异议函、聊天记录公证书（证据6、7），证明异议及时、对方自认。
第四组：专项审计说明（证据8），证明损失。

三、发问
1. 请被告说明第二批铸件所用生铁的供应商及进厂检验记录。
2. 请被告说明收到异议函后采取了什么措施。

四、对方可能的抗辩及回应
“已经验收合格”：合同第四条区分外观检验与内部缺陷，内部缺陷适用六个月异议期。
"""

DEFENCE = """答辩要点（律师工作成果，保密）

案件编号：2026-0177
主办律师：陈洁        日期：2026年10月8日

委托人：苏北宏图精密铸造有限公司的关联企业宏图物流有限公司
案由：运输合同纠纷

一、托运人未如实申报货物重量，超载责任应当由托运人承担。
二、货损发生于交付之后，收货人已在运单上签收且未注明异议。
三、即使承担责任，也应当适用运单背面的赔偿限额条款；该条款已作加粗提示。
"""

DILIGENCE = """尽职调查要点（绝密）

案件编号：2026-0200
项目：某上市公司重大资产重组

本文件涉及尚未公开的重大信息，属于内幕信息。须两名经授权律师同时在场方可查阅，
任何人不得复制、转发、摘抄。知情人员应当登记。

一、标的公司股权清晰性：历史上存在两次股权代持，需取得解除代持的确认文件及公证。
二、关联交易：前五大客户中有一家与实际控制人存在未披露的亲属关系。
三、或有负债：对外担保余额须逐笔与银行函证核对。
"""

AUDIT = """财务审计摘录（机密）

案件编号：2026-0150
2025年度应收账款账龄：一年以内62%，一至两年21%，两年以上17%。
破产申请受理前六个月内存在三笔个别清偿，合计人民币1,460,000元，可能依照《企业破产法》
第三十二条予以撤销。
"""

NOTICE = """债权申报通知（秘密）

案件编号：2026-0150
各债权人：请于2026年12月31日前向管理人申报债权，说明债权数额、有无财产担保，并提供证据材料。
逾期申报的，可以在破产财产最后分配前补充申报，但此前已进行的分配不再补充分配。
"""


def package(path, mimetype, files):
    """A zip with fixed times; OpenDocument wants its uncompressed mimetype first."""
    with zipfile.ZipFile(path, "w") as z:
        if mimetype:
            files = [("mimetype", mimetype)] + files
        for name, text in files:
            info = zipfile.ZipInfo(name, (2026, 9, 2, 9, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            z.writestr(info, text)


XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"


def docx(path, title, paragraphs):
    def p(text, props="", run=""):
        return f'<w:p><w:pPr>{props}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'
    body = p(title, '<w:jc w:val="center"/>', '<w:b/><w:sz w:val="36"/>')
    body += "".join(p(t, '<w:spacing w:line="360" w:lineRule="auto"/>') for t in paragraphs)
    ns = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    font = '<w:rFonts w:ascii="Times New Roman" w:hAnsi="Times New Roman" w:eastAsia="SimSun"/><w:sz w:val="24"/>'
    package(path, None, [
        ("[Content_Types].xml", XML + '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
         '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
         '<Default Extension="xml" ContentType="application/xml"/>'
         f'<Override PartName="/word/document.xml" ContentType="{WORD}.document.main+xml"/>'
         f'<Override PartName="/word/styles.xml" ContentType="{WORD}.styles+xml"/></Types>'),
        ("_rels/.rels", XML + f'<Relationships xmlns="{RELS}"><Relationship Id="rId1" Type="{OFFICE}/officeDocument" '
         'Target="word/document.xml"/></Relationships>'),
        ("word/_rels/document.xml.rels", XML + f'<Relationships xmlns="{RELS}"><Relationship Id="rId1" '
         f'Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>'),
        ("word/styles.xml", XML + f'<w:styles xmlns:w="{ns}"><w:docDefaults><w:rPrDefault><w:rPr>{font}</w:rPr>'
         '</w:rPrDefault></w:docDefaults></w:styles>'),
        ("word/document.xml", XML + f'<w:document xmlns:w="{ns}"><w:body>{body}<w:sectPr>'
         '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1440" w:right="1800" w:bottom="1440" w:left="1800" '
         'w:header="851" w:footer="992" w:gutter="0"/></w:sectPr></w:body></w:document>'),
    ])


def odt(path, title, paragraphs, table):
    o = "urn:oasis:names:tc:opendocument:xmlns:"
    body = f'<text:h text:outline-level="1">{escape(title)}</text:h>'
    body += "".join(f"<text:p>{escape(t)}</text:p>" for t in paragraphs)
    rows = "".join("<table:table-row>" + "".join(
        f'<table:table-cell office:value-type="string"><text:p>{escape(c)}</text:p></table:table-cell>' for c in row)
        + "</table:table-row>" for row in table)
    body += f'<table:table table:name="证据"><table:table-column table:number-columns-repeated="{len(table[0])}"/>{rows}</table:table>'
    mime = "application/vnd.oasis.opendocument.text"
    package(path, mime, [
        ("content.xml", XML + f'<office:document-content xmlns:office="{o}office:1.0" xmlns:text="{o}text:1.0" '
         f'xmlns:table="{o}table:1.0" office:version="1.2"><office:body><office:text>{body}</office:text>'
         '</office:body></office:document-content>'),
        ("META-INF/manifest.xml", XML + f'<manifest:manifest xmlns:manifest="{o}manifest:1.0" manifest:version="1.2">'
         f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/>'
         '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'),
    ])


def pdf(path, title, lines):
    """One page of text in a predefined CJK font: text is UTF-16BE, as the UniGB-UCS2-H encoding has it."""
    def show(x, y, size, text):
        return f"/F1 {size} Tf 1 0 0 1 {x} {y} Tm <{text.encode('utf-16-be').hex().upper()}> Tj"
    text = ["BT", show(230, 770, 20, title)]
    text += [show(72, 730 - 20 * i, 12, line) for i, line in enumerate(lines) if line]
    stream = "\n".join(text + ["ET"]).encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (zh-CN) >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light-UniGB-UCS2-H /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 /W [1 95 500] /FontDescriptor 7 0 R "
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> >>",
        b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 "
        b"/Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
        b"<< /Title <FEFF%s> >>" % title.encode("utf-16-be").hex().upper().encode(),
    ]
    out, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % o for o in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 8 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    with open(path, "wb") as f:
        f.write(out)


def text(path, content):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write(content)


def main(root):
    def at(*parts):
        path = os.path.join(root, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path
    docx(at("2026-0142", "合同", "产品买卖合同-HS-2024-031.docx"), *CONTRACT)
    odt(at("2026-0142", "证据", "证据清单.odt"), *EVIDENCE)
    pdf(at("2026-0142", "文书", "民事起诉状.pdf"), *COMPLAINT)
    text(at("2026-0142", "案件分析备忘录.txt"), MEMO)
    text(at("2026-0142", "庭审提纲.txt"), OUTLINE)
    text(at("2026-0150", "债权申报通知.txt"), NOTICE)
    text(at("2026-0150", "财务", "财务审计摘录.txt"), AUDIT)
    text(at("2026-0177", "答辩要点.txt"), DEFENCE)
    text(at("2026-0200", "尽职调查要点.txt"), DILIGENCE)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else HERE)
