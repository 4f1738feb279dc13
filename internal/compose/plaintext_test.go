package compose

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTextOf(t *testing.T) {
	for name, c := range map[string]struct{ html, want string }{
		"nothing":            {"", ""},
		"no text":            {"<p> <img src=x><br></p>", ""},
		"plain":              {"a  b\n c", "a b c\n"},
		"entities":           {"<p>Zo&euml; &amp; &lt;b&gt; &#127881; 5&nbsp;€ &unknown;</p>", "Zoë & <b> 🎉 5 € &unknown;\n"},
		"invisible":          {"so&shy;ft\u200b\ufeff &#1;&#0;x", "soft \ufffdx\n"},
		"style and script":   {"<html><head><title>T</title><style>p{}</style><script>x<y</script></head><body>a<!-- c --></body></html>", "a\n"},
		"empty style":        {"<style></style>a", "a\n"},
		"conditional":        {"<!--[if mso]><p>b</p><![endif]-->a", "a\n"},
		"paragraphs":         {"<p>a</p><p>b<br>c</p><div>d</div><div>e<p>f", "a\n\nb\nc\n\nd\ne\n\nf\n"},
		"breaks":             {"a<br>b<br><br>c<br><br><br><br>d", "a\nb\n\nc\n\nd\n"},
		"headings":           {"<h1>Big <b>one</b></h1>x<h2>Ünder</h2><h3>Three</h3>y", "Big one\n=======\n\nx\n\nÜnder\n-----\n\nThree\n\ny\n"},
		"two-line heading":   {"<h1>a<br>b</h1>c", "a\nb\n\nc\n"},
		"empty heading":      {"a<h1></h1>b", "a\n\nb\n"},
		"link":               {`see <a href="https://x.example/a?b=1&amp;c">the site</a>, now`, "see the site <https://x.example/a?b=1&c>, now\n"},
		"link that says so":  {`<a href="https://x.example/">x.example</a> <a href="http://y/">http://y/</a> <a href=mailto:a@b.c>a@b.c</a>`, "x.example http://y/ a@b.c\n"},
		"link by mail":       {`<a href="mailto:a@b.c">write</a> <a href=tel:+1>call</a>`, "write <a@b.c> call <tel:+1>\n"},
		"link to nowhere":    {`<a href="#top">up</a> <a href="javascript:x">x</a> <a>y</a> <a href="/rel">z</a> <a href="cid:a">w</a>`, "up x y z w\n"},
		"link of an image":   {`<a href="https://x.example"><img src=y></a>b<a href="https://z"><img alt="Z &amp; co" src=y></a>`, "<https://x.example>bZ & co <https://z>\n"},
		"link around blocks": {`<a href="https://x"><div>Go</div></a><p>b`, "Go <https://x>\n\nb\n"},
		"link with blanks":   {"<a href=' https://x/a b\n<c> '>x</a>", "x <https://x/a%20b%3Cc%3E>\n"},
		"links left open":    {`<a href=https://x>a <a href=https://y>b`, "a <https://x> b <https://y>\n"},
		"lists":              {"a<ul><li>b<li>c<ol><li>d</li><li>e<br>f</li></ol></li><li><p>g</p></li></ul>h", "a\n\n- b\n- c\n  1. d\n  2. e\n     f\n- g\n\nh\n"},
		"numbers":            {`<ol start="9"><li>a<li>b</ol><ol start="-1"><li>c</ol><ol start=x><li>d</ol>`, "9. a\n10. b\n\n1. c\n\n1. d\n"},
		"item without list":  {"<li>a<li>b", "- a\n- b\n"},
		"table":              {"<table><tr><th>Item<th>Qty<tr><td>Tea</td><td></td><td>2</td></tr></table>x", "Item | Qty\nTea | 2\n\nx\n"},
		"table for layout":   {"<table><tr><td><table><tr><td><p>a</p></td></tr></table></td></tr><tr><td> </td><td>b</td></tr></table>", "a\n\nb\n"},
		"quote":              {"<blockquote>a<p>b</p><blockquote>c</blockquote></blockquote>d", "> a\n>\n> b\n>\n> > c\n\nd\n"},
		"preformatted":       {"a<pre>\n x\n\n\n  y\tz\r\n</pre>b", "a\n\n x\n\n  y\tz\n\nb\n"},
		"rule":               {"a<hr>b", "a\n\n--------------------\n\nb\n"},
		"hidden":             {`<div style="Display : none; x">pre<div>header</div></div>a<p hidden>b</p><br hidden>c`, "a\nc\n"},
		"hidden without end": {`a<div hidden>b<span>c`, "a\nbc\n"},
		"hidden in a list":   {`<ul><li>a<li hidden>b</li></ul>c`, "- a\n\nc\n"},
		"hidden is no item":  {`<ol><li>a<li hidden>b</li><li>c</ol>`, "1. a\n2. c\n"},
		"link too long":      {`<a href="https://` + strings.Repeat("x", maxLink) + `">a</a>`, "a\n"},
		"lists too deep":     {strings.Repeat("<ul>", 20) + "<li>a" + strings.Repeat("</ul>", 19) + "<li>b</ul>c", "- a\n- b\n\nc\n"},
		"closed too often":   {"</ul></a></pre></blockquote></h1>a</div></li>b", "a\nb\n"},
		"inline elements":    {"a<b>b</b> <i>c</i><span> d</span>", "ab c d\n"},
		"no tags":            {"a < b && c > d", "a < b && c > d\n"},
	} {
		if d := cmp.Diff(c.want, textOf(c.html)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// Hostile HTML takes time and space in proportion to its size.
func TestTextOfHostileHTML(t *testing.T) {
	const size = 1 << 19
	for _, piece := range []string{
		"<div>", "<ul><li>a", "<blockquote>a<br>", "<table><td>", "<a href=https://x>", "<a href=https://x>y", "<h1>a<h2>", "<b hidden>", "<b hidden>a</b>",
		"<div hidden><ul>", "<ol start=9><li>x", "</div>", "<pre>\n", "&amp;", "&#x1F389;", "<!--", "<![CDATA[", "<script>", "<style></style>", "<a b=c ", "<p ", "< ", "<", "\n", "&",
		`<img src=cid:a`, `<p style="background:url(`, "<svg><math>", "<textarea>", "<plaintext>", "<td>x", "<hr>", "\u200b", "<h1><br>",
		"<i hidden></a></h1></i>",
	} {
		s := strings.Repeat(piece, size/len(piece))
		if strings.HasPrefix(piece, "<i hidden>") {
			s = "<a href=https://x><h1>" + strings.Repeat("x", size) + s
		}
		start := time.Now()
		text := textOf(s)
		namedIDs(s + "cid:")
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%q: %v", piece, took)
		}
		if len(text) > 40*size || !utf8.ValidString(text) {
			t.Errorf("%q: %d bytes", piece, len(text))
		}
	}
}

func FuzzTextOf(f *testing.F) {
	f.Add("<h1>a</h1><ul><li>b<ol><li>c</ol></ul><a href=https://x>d</a><table><tr><td>e<td>f</table>")
	f.Add("<div hidden>a<blockquote>b</div><pre> c\n</pre><img alt=d><hr>&nbsp;<style>x</style>")
	f.Fuzz(func(t *testing.T, s string) {
		text := textOf(strings.ToValidUTF8(s, ""))
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }) {
			t.Fatalf("%q", text)
		}
		if text != "" && (strings.TrimSpace(text) == "" || !strings.HasSuffix(text, "\n") || strings.Contains(text, "\n\n\n")) {
			t.Fatalf("%q", text)
		}
	})
}
