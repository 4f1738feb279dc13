package hosts

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/test/running"
)

// traced is a program whose system calls that reach out are written down, of all its
// threads and children. It is the tracer's parent (-D), so that its signals and its end
// are its own.
type traced struct {
	t    *testing.T
	cmd  *exec.Cmd
	file string
	log  *running.Buffer
}

// needStrace skips where the calls cannot be seen, unless they must be.
func needStrace(t *testing.T) {
	t.Helper()
	err := exec.Command("strace", "-qq", "-o", os.DevNull, "true").Run()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("strace: %v (Debian: apt-get install strace)", err)
	default:
		t.Skipf("strace: %v", err)
	}
}

// trace starts gatepost with variables and nothing of ours around it.
func trace(t *testing.T, vars map[string]string, args ...string) *traced {
	t.Helper()
	x := &traced{t: t, file: filepath.Join(t.TempDir(), "calls"), log: &running.Buffer{}}
	x.cmd = exec.Command("strace", append([]string{
		"-D", "-f", "--seccomp-bpf", "-q", "-e", "signal=none", "-s", "16", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", x.file, built,
	}, args...)...)
	x.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for name, value := range vars {
		x.cmd.Env = append(x.cmd.Env, name+"="+value)
	}
	x.cmd.Stdout, x.cmd.Stderr = x.log, x.log
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.cmd.Process.Kill() }) // where end was not reached
	return x
}

// end waits for the program, which is told to stop if it does not by itself, and
// returns whom it reached.
func (x *traced) end(stop bool) []string {
	x.t.Helper()
	if stop {
		_ = x.cmd.Process.Signal(os.Interrupt)
	}
	late := time.AfterFunc(30*time.Second, func() { _ = x.cmd.Process.Kill() })
	defer late.Stop()
	if err := x.cmd.Wait(); err != nil {
		x.t.Fatalf("the program ended with %v\n%s", err, x.log)
	}
	over := regexp.MustCompile(fmt.Sprintf(`(?m)^%d +\+\+\+ exited with 0`, x.cmd.Process.Pid))
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		calls, err := os.ReadFile(x.file)
		if err == nil && over.Match(calls) {
			reached, err := destinations(string(calls))
			if err != nil {
				x.t.Fatal(err)
			}
			return reached
		}
	}
	calls, err := os.ReadFile(x.file)
	x.t.Fatalf("strace wrote no end of process %d (%v):\n%s\n%s", x.cmd.Process.Pid, err, calls, x.log)
	return nil
}

var (
	family = regexp.MustCompile(`sa_family=(AF_\w+)`)
	ipv4   = regexp.MustCompile(`sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)`)
	ipv6   = regexp.MustCompile(`sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]+)"`)
	local  = regexp.MustCompile(`sun_path=("[^"]*"|@"[^"]*")`)
)

// destinations reads the addresses out of strace's lines: each once, sorted. Questions
// to the kernel itself (netlink) go nowhere.
func destinations(calls string) ([]string, error) {
	var found []string
	for line := range strings.Lines(calls) {
		for _, one := range family.FindAllStringSubmatch(line, -1) {
			to := ""
			switch one[1] {
			case "AF_NETLINK", "AF_UNSPEC":
				continue
			case "AF_INET":
				to = address(ipv4.FindStringSubmatch(line))
			case "AF_INET6":
				to = address(ipv6.FindStringSubmatch(line))
			case "AF_UNIX":
				to = path(local.FindStringSubmatch(line))
			}
			if to == "" {
				return nil, fmt.Errorf("a destination that cannot be read: %s", line)
			}
			if !slices.Contains(found, to) {
				found = append(found, to)
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

func address(match []string) string {
	if match == nil {
		return ""
	}
	return net.JoinHostPort(match[2], match[1])
}

func path(match []string) string {
	if match == nil {
		return ""
	}
	return "unix:" + strings.Trim(match[1], `@"`)
}

// Each form in which strace writes a destination is read, and what it cannot read is an
// error rather than nothing.
func TestDestinations(t *testing.T) {
	got, err := destinations(`12 connect(7, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = -1 EINPROGRESS (Operation now in progress)
13 connect(8, {sa_family=AF_INET6, sin6_port=htons(587), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28 <unfinished ...>
13 sendto(9, "\24\0\0\0", 20, 0, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 20
14 sendto(9, "\24\0\0\0", 20, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.53")}, 16) = 20
14 connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1 ENOENT (No such file or directory)
14 sendto(9, "abc", 3, 0, NULL, 0) = 3
14 connect(7, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = 0
`)
	want := []string{"192.0.2.1:443", "192.0.2.53:53", "[2001:db8::1]:587", "unix:/run/nscd/socket"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
	if got, err := destinations("12 connect(7, {sa_family=AF_VSOCK, svm_cid=2}, 16) = 0\n"); err == nil {
		t.Errorf("an unknown family went by as %v", got)
	}
}
