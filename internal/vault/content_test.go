package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
)

func testContentKey(t testing.TB, c *codecs, fill byte, team, message string) ContentKey {
	t.Helper()
	k, err := newContentKey(bytes.Repeat([]byte{fill}, keySize), nil, team, message, c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sealContent(t testing.TB, k ContentKey, plain []byte) []byte {
	t.Helper()
	var sealed bytes.Buffer
	w, err := k.Writer(&sealed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return sealed.Bytes()
}

func openContent(k ContentKey, sealed []byte) ([]byte, error) {
	r, err := k.Reader(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(r)
	return plain, errors.Join(err, r.Close())
}

// noise is content that does not compress, prose is content that does.
func noise(n int) []byte {
	out := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(out)
	return out
}

func prose(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "Line %d of a letter that says much the same again and again.\r\n", i)
	}
	return b.Bytes()[:n]
}

func TestContentComesBack(t *testing.T) {
	k := testContentKey(t, &codecs{}, 1, "team_1", "msg_1")
	sizes := []int{
		0, 1, 2_000, 3_900, 4_000, 4_040, 4_041, 4_096, 8_192, smallContent, smallContent + 1,
		128 << 10, 128<<10 + 1, 300_000, 5 << 20,
	}
	for _, size := range sizes {
		for name, plain := range map[string][]byte{"noise": noise(size), "prose": prose(size), "zeros": make([]byte, size)} {
			got, err := openContent(k, sealContent(t, k, plain))
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s of %d bytes: %d bytes, %v", name, size, len(got), err)
			}
		}
	}
}

func TestContentMayBeWrittenAndReadInPieces(t *testing.T) {
	k := testContentKey(t, &codecs{}, 1, "team_1", "msg_1")
	for _, size := range []int{100, 10_000, 400_000} {
		plain := prose(size)
		var sealed bytes.Buffer
		w, err := k.Writer(&sealed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, iotest.HalfReader(bytes.NewReader(plain))); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), w.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("more")); err == nil {
			t.Error("a closed writer takes more")
		}
		r, err := k.Reader(iotest.OneByteReader(&sealed))
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, plain); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Error(err)
		}
		if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("read after close: %v", err)
		}
	}
}

func TestContentOfAnotherMessageDoesNotOpen(t *testing.T) {
	c := &codecs{}
	sealed := sealContent(t, testContentKey(t, c, 1, "team_1", "msg_1"), prose(9_000))
	for name, k := range map[string]ContentKey{
		"other message": testContentKey(t, c, 1, "team_1", "msg_2"),
		"other team":    testContentKey(t, c, 1, "team_2", "msg_1"),
		"other key":     testContentKey(t, c, 2, "team_1", "msg_1"),
	} {
		if got, err := openContent(k, sealed); !errors.Is(err, ErrNotOpened) || len(got) != 0 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestChangedContentDoesNotOpen(t *testing.T) {
	k := testContentKey(t, &codecs{}, 1, "team_1", "msg_1")
	for _, plain := range [][]byte{prose(2_000), noise(9_000)} {
		sealed := sealContent(t, k, plain)
		for i := range sealed {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << (i % 8)
			wantBroken(t, k, changed, plain, fmt.Sprintf("byte %d of %d changed", i, len(sealed)))
		}
	}
}

func TestCutContentDoesNotOpen(t *testing.T) {
	k := testContentKey(t, &codecs{}, 1, "team_1", "msg_1")
	plain := noise(9_000)
	sealed := sealContent(t, k, plain)
	for i := range sealed {
		wantBroken(t, k, sealed[:i], plain, fmt.Sprintf("cut after %d of %d", i, len(sealed)))
	}
	wantBroken(t, k, append(bytes.Clone(sealed), 0), plain, "a byte more")
	wantBroken(t, k, append(bytes.Clone(sealed), sealed...), plain, "twice")
}

func TestReorderedContentDoesNotOpen(t *testing.T) {
	k := testContentKey(t, &codecs{}, 1, "team_1", "msg_1")
	plain := noise(40_000)
	sealed := sealContent(t, k, plain)
	segment := func(b []byte, i int) []byte { return b[i*segmentSize : (i+1)*segmentSize] }

	swapped := bytes.Clone(sealed)
	copy(segment(swapped, 2), segment(sealed, 3))
	copy(segment(swapped, 3), segment(sealed, 2))
	wantBroken(t, k, swapped, plain, "segments swapped")

	missing := append(bytes.Clone(sealed[:2*segmentSize]), sealed[3*segmentSize:]...)
	wantBroken(t, k, missing, plain, "segment left out")

	other := sealContent(t, k, plain)
	mixed := bytes.Clone(sealed)
	copy(segment(mixed, 2), segment(other, 2))
	wantBroken(t, k, mixed, plain, "segment of another sealing with the same key")
}

// wantBroken checks that reading fails, stays failed, and gave nothing false.
func wantBroken(t *testing.T, k ContentKey, sealed, plain []byte, what string) {
	t.Helper()
	r, err := k.Reader(bytes.NewReader(sealed))
	if err != nil {
		if !errors.Is(err, ErrNotOpened) {
			t.Fatalf("%s: %v", what, err)
		}
		return
	}
	defer func() { _ = r.Close() }()
	got, err := io.ReadAll(r)
	if !errors.Is(err, ErrNotOpened) {
		t.Fatalf("%s: %d bytes, error %v", what, len(got), err)
	}
	if !bytes.HasPrefix(plain, got) {
		t.Fatalf("%s: bytes that were never sealed", what)
	}
	if n, err := r.Read(make([]byte, 10)); n != 0 || !errors.Is(err, ErrNotOpened) {
		t.Fatalf("%s: the next read gives %d, %v", what, n, err)
	}
}

func TestCutStreamDoesNotEndWhenAskedAgain(t *testing.T) {
	k := testContentKey(t, &codecs{}, 1, "team_1", "msg_1")
	sealed := sealContent(t, k, noise(9_000))
	plain, err := k.stream.NewDecryptingReader(bytes.NewReader(sealed[:2*segmentSize]), k.place)
	if err != nil {
		t.Fatal(err)
	}
	r := &authentic{r: plain}
	if _, err := io.ReadAll(r); err == nil {
		t.Fatal("a cut stream ended well")
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("asked again: %d, %v", n, err)
	}
}

func TestUnfinishedContentDoesNotOpen(t *testing.T) {
	k := testContentKey(t, &codecs{}, 1, "team_1", "msg_1")
	var sealed bytes.Buffer
	w, err := k.Writer(&sealed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(noise(1 << 20)); err != nil {
		t.Fatal(err)
	}
	wantBroken(t, k, sealed.Bytes(), noise(1<<20), "never closed")
}

func TestFailedReadsAndWritesAreNotTakenForDamage(t *testing.T) {
	k := testContentKey(t, &codecs{}, 1, "team_1", "msg_1")
	sealed := sealContent(t, k, noise(300_000))
	boom := errors.New("disk on fire")
	for _, n := range []int{0, 10, 2_000, 50_000, 200_000} {
		src := io.MultiReader(bytes.NewReader(sealed[:n]), iotest.ErrReader(boom))
		r, err := k.Reader(src)
		if err == nil {
			_, err = io.ReadAll(r)
			_ = r.Close()
		}
		if !errors.Is(err, boom) || errors.Is(err, ErrNotOpened) {
			t.Errorf("read fails after %d bytes: %v", n, err)
		}
	}
	for _, n := range []int{0, 100, 50_000} {
		w, err := k.Writer(&brokenWriter{room: n, err: boom})
		if err == nil {
			_, err = w.Write(noise(300_000))
			err = errors.Join(err, w.Close())
		}
		if !errors.Is(err, boom) {
			t.Errorf("write fails after %d bytes: %v", n, err)
		}
	}
}

func TestCloseFailsAfterAFailedWrite(t *testing.T) {
	k := testContentKey(t, &codecs{}, 1, "team_1", "msg_1")
	dst := &brokenWriter{room: 50_000, err: errors.New("disk on fire")}
	w, err := k.Writer(dst)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(noise(300_000)); err == nil {
		t.Fatal("the write did not fail")
	}
	dst.room = 1 << 20 // the disk works again
	if err := w.Close(); !errors.Is(err, dst.err) {
		t.Errorf("close: %v", err)
	}
}

// brokenWriter takes some bytes, then fails.
type brokenWriter struct {
	room int
	err  error
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, w.err
	}
	return len(p), nil
}

func TestCodecsAreSharedByManyAtOnce(t *testing.T) {
	c := &codecs{}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			k := testContentKey(t, c, byte(i), "team_1", fmt.Sprint("msg_", i))
			for n := range 20 {
				plain := prose(n*n*500 + i)
				got, err := openContent(k, sealContent(t, k, plain))
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%d bytes came back as %d: %v", len(plain), len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func TestContentKeyDoesNotPrintItself(t *testing.T) {
	k := testContentKey(t, &codecs{}, 1, "team_1", "msg_1")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, k); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func FuzzReader(f *testing.F) {
	c := &codecs{}
	k := testContentKey(f, c, 1, "team_1", "msg_1")
	small, large := sealContent(f, k, prose(2_000)), sealContent(f, k, noise(9_000))
	f.Add(small)
	f.Add(large)
	f.Add(large[:segmentSize])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		got, err := openContent(k, sealed)
		if err == nil && (bytes.Equal(got, prose(2_000)) || bytes.Equal(got, noise(9_000))) {
			return // a seed of another worker of the fuzzer, sealed with the same key
		}
		if !errors.Is(err, ErrNotOpened) {
			t.Fatalf("forged content: %v", err)
		}
	})
}

// FuzzDecompress gives hostile bytes the seal of the right key, so that the
// decompressor meets them.
func FuzzDecompress(f *testing.F) {
	c := &codecs{}
	k := testContentKey(f, c, 1, "team_1", "msg_1")
	f.Add([]byte("(\xb5/\xfd\x04\x00\x09\x00\x00abc"))
	f.Add([]byte("(\xb5/\xfd\x00\x58\x00\x00"))
	f.Fuzz(func(t *testing.T, compressed []byte) {
		var sealed bytes.Buffer
		w, err := k.stream.NewEncryptingWriter(&sealed, k.place)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(compressed); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := k.Reader(&sealed)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(r, 8<<20))
		_ = r.Close()
	})
}
