package sandbox

import (
	"strings"
	"testing"
)

const pictured = "From: Ada <ada@acme.example>\r\nTo: bob@example.net\r\nSubject: Your invoice\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=r\r\n\r\n" +
	"--r\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" +
	"<p style=\"color:red\">Hi</p><img src=\"cid:logo@acme\"><img src='CID:other'>" +
	"<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\r\n" +
	"--r\r\nContent-Type: image/png; name=\"l\xc3\xb6go\\\".png\"\r\nContent-ID: <logo@acme>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n" +
	"--r\r\nContent-Type: image/svg+xml\r\nContent-ID: <other>\r\n\r\n<svg onload=\"alert(1)\"/>\r\n--r--\r\n"

func TestMessageAsItLooksCannotAct(t *testing.T) {
	w := world(t)
	if err := submit(w.smtp(t), ada, pictured, "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	id := w.post.store.latest(1)[0].ProviderID
	page := w.ask(t, "GET", "/message/"+id, "")
	if !strings.Contains(page.body, `<iframe class="look" sandbox="allow-popups allow-popups-to-escape-sandbox" src="/message/`+id+`/html"`) ||
		strings.Contains(page.body, "<script") || strings.Contains(page.body, "allow-scripts") {
		t.Errorf("page:\n%s", page.body)
	}
	html := w.ask(t, "GET", "/message/"+id+"/html", "")
	policy := html.header.Get("Content-Security-Policy")
	for _, want := range []string{"sandbox allow-popups", "default-src 'none'", "img-src data:;", "frame-ancestors 'self'", "form-action 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %q: %s", want, policy)
		}
	}
	for _, bad := range []string{"allow-scripts", "allow-same-origin", "script-src", "allow-top", "allow-forms"} {
		if strings.Contains(policy, bad) {
			t.Errorf("the policy allows %s", bad)
		}
	}
	if !strings.Contains(html.body, `<img src="data:image/png;base64,iVBORw0KGgo=">`) || !strings.Contains(html.body, "<img src='CID:other'>") {
		t.Errorf("pictures: %s", html.body)
	}
	file := w.ask(t, "GET", "/message/"+id+"/part/0", "")
	if file.body != "\x89PNG\r\n\x1a\n" || file.header.Get("Content-Type") != "application/octet-stream" ||
		!strings.HasPrefix(file.header.Get("Content-Disposition"), `attachment; filename="l`) || strings.Count(file.header.Get("Content-Disposition"), `"`) != 2 {
		t.Errorf("attachment: %q %v", file.body, file.header)
	}
	for _, path := range []string{"/message/" + id + "/part/2", "/message/" + id + "/part/x", "/message/0/html", "/message/0/part/0"} {
		if a := w.ask(t, "GET", path, ""); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}
