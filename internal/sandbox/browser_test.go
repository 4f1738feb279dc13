package sandbox

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// hostile are ways in which HTML begins to act. Each would write "ow" and "ned"
// into the document as one word, which stands in none of them.
const hostile = `<p>harmless</p><script>document.body.append('ow'+'ned')</script>
<img src=x onerror="document.body.append('ow'+'ned')"><svg onload="document.body.append('ow'+'ned')"></svg>
<svg><script>document.body.append('ow'+'ned')</script></svg>
<iframe srcdoc="<script>parent.document.body.append('ow'+'ned')</script>"></iframe>
<iframe src="javascript:parent.document.body.append('ow'+'ned')"></iframe>
<body onload="document.body.append('ow'+'ned')"><input autofocus onfocus="document.body.append('ow'+'ned')">
<details open ontoggle="document.body.append('ow'+'ned')"></details><video><source onerror="document.body.append('ow'+'ned')"></video>
<style>@import "javascript:1"; p{background:url("x" onerror)}</style><math><mtext></p><script>document.body.append('ow'+'ned')</script>
<meta http-equiv="refresh" content="0;url=data:text/html,<script>document.write('ow'+'ned')</script>">
<base href="https://evil.example/"><form action="https://evil.example/"><button autofocus>x</button></form>
<object data="data:text/html,<script>parent.document.body.append('ow'+'ned')</script>"></object>
<link rel=stylesheet href="data:text/css,p{}"><a href="javascript:document.body.append('ow'+'ned')">x</a>`

// dump shows an address in a real browser and returns the document as it is then.
func dump(t *testing.T, address string) string {
	t.Helper()
	name, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing")
		}
		t.Skip("chromium is missing")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--virtual-time-budget=2000", "--dump-dom", address).Output()
	if err != nil {
		t.Fatal("run the browser:", err)
	}
	return string(out)
}

func TestNoScriptOfAMessageRunsInABrowser(t *testing.T) {
	w := world(t)
	raw := "From: <script>document.body.append('ow'+'ned')</script> <ada@acme.example>\r\nTo: bob@example.net\r\n" +
		"Subject: <img src=x onerror=\"document.body.append('ow'+'ned')\">\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: text/html\r\n\r\n" + strings.ReplaceAll(hostile, "\n", "\r\n") + "\r\n"
	if err := submit(w.smtp(t), ada, raw, "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	id := w.post.store.latest(1)[0].ProviderID
	for _, path := range []string{"/message/" + id + "/html", "/message/" + id} {
		got := dump(t, w.ControlURL+path)
		if !strings.Contains(got, "harmless") {
			t.Errorf("%s shows no message:\n%s", path, got)
		}
		if strings.Contains(got, "owned") {
			t.Errorf("%s: a script of the message ran:\n%s", path, got)
		}
	}
}
