package sealed

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func streamOf(backup int) Stream {
	return Stream{bytes.Repeat([]byte{byte(backup)}, 32), fmt.Appendf(nil, "wdrip backup 1/backup %d of c/snapshot", backup)}
}

// seal makes the frames of a content, of some bytes each.
func seal(t testing.TB, stream Stream, plain []byte, chunk int) [][]byte {
	block, err := aes.NewCipher(stream.Key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for from := 0; from == 0 || from < len(plain); from += chunk {
		var nonce [12]byte
		binary.BigEndian.PutUint32(nonce[7:], uint32(len(frames)))
		if from+chunk >= len(plain) {
			nonce[11] = 1
		}
		var content []byte
		if len(plain) > 0 {
			content = encoder.EncodeAll(plain[from:min(from+chunk, len(plain))], nil)
		}
		sealed := aead.Seal(nil, nonce[:], content, stream.Context)
		frames = append(frames, append(binary.BigEndian.AppendUint32(nil, uint32(len(sealed))), sealed...))
	}
	return frames
}

func factsOf(stored []byte, plainBytes int) Facts {
	hash := sha256.Sum256(stored)
	return Facts{int64(len(stored)), int64(plainBytes), hex.EncodeToString(hash[:])}
}

// content compresses in part, as etcd's pages do.
func content(bytes int) []byte {
	random := rand.New(rand.NewSource(int64(bytes)))
	all := make([]byte, bytes)
	for i := range all {
		if i%3 == 0 {
			all[i] = byte(random.Intn(256))
		}
	}
	return all
}

func joined(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

func TestOpensWhatWasSealed(t *testing.T) {
	const first, later = 1 << 20, 256 << 10
	for _, chunk := range []int{first, later} {
		for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 11*chunk + 13} {
			plain := content(size)
			stored := joined(seal(t, streamOf(1), plain, chunk)...)
			var out bytes.Buffer
			if err := Open(bytes.NewReader(stored), streamOf(1), factsOf(stored, size), &out); err != nil {
				t.Errorf("%d bytes in frames of %d: %v", size, chunk, err)
			} else if !bytes.Equal(out.Bytes(), plain) {
				t.Errorf("%d bytes in frames of %d: came out different", size, chunk)
			}
		}
	}
}

// What src/backup/format makes: test/backup/format.test.ts holds it to the same.
func TestOpensWhatTheSupervisorSeals(t *testing.T) {
	key, _ := hex.DecodeString("30bfaaddcf2158cd11c0ddeda565a52a150fafc633cee257f8cb1a564e8a956b")
	stored, _ := hex.DecodeString("0000002afa16bd7154719f4d1c9392651bd034452c469385048df487965eceb75e47389610df402946893ff6320d" +
		"00000021e49deb8db9a288ba844006a1c3fdc5174f6ff597c3b2aef830a3bc518bd7ed5d6b")
	const plain = "the first, the first, the first" + "the last"
	var out bytes.Buffer
	stream := Stream{key, []byte("wdrip backup 1/backup 1 of c/snapshot")}
	if err := Open(bytes.NewReader(stored), stream, factsOf(stored, len(plain)), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != plain {
		t.Errorf("got %q", out.String())
	}
}

// What is damaged, whatever its manifest says of the bytes: frames are held to their place by themselves.
func TestDamageIsFound(t *testing.T) {
	const chunk = 1000
	plain := content(6*chunk + 100)
	whole := seal(t, streamOf(1), plain, chunk)
	other := seal(t, streamOf(2), plain, chunk)
	with := func(change func(frames [][]byte) [][]byte) []byte {
		return joined(change(append([][]byte{}, whole...))...)
	}
	cases := map[string][]byte{
		"empty":               {},
		"cut in a frame":      joined(whole...)[:len(joined(whole...))-20],
		"cut in a length":     append(joined(whole[:3]...), whole[3][:2]...),
		"cut after a frame":   joined(whole[:5]...),
		"only its last frame": whole[6],
		"two swapped":         with(func(f [][]byte) [][]byte { f[2], f[3] = f[3], f[2]; return f }),
		"one twice":           with(func(f [][]byte) [][]byte { f[3] = f[2]; return f }),
		"one left out":        with(func(f [][]byte) [][]byte { return append(f[:2], f[3:]...) }),
		"another backup's":    with(func(f [][]byte) [][]byte { f[2] = other[2]; return f }),
		"more behind it":      joined(append(whole, whole[0])...),
		"rubbish behind it":   append(joined(whole...), 'x'),
		"an endless length":   with(func(f [][]byte) [][]byte { f[2] = []byte{255, 255, 255, 255}; return f }),
		"no length":           with(func(f [][]byte) [][]byte { f[2] = []byte{0, 0, 0, 1, 7}; return f }),
	}
	for at := range whole {
		for name, where := range map[string]int{"length": 3, "content": 20, "tag": len(whole[at]) - 1} {
			flipped := bytes.Clone(whole[at])
			flipped[where] ^= 4
			cases[fmt.Sprintf("a bit of the %s of part %d flipped", name, at)] =
				with(func(f [][]byte) [][]byte { f[at] = flipped; return f })
		}
	}
	for name, stored := range cases {
		if err := Open(bytes.NewReader(stored), streamOf(1), factsOf(stored, len(plain)), io.Discard); !IsDamaged(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestItIsHeldToItsManifest(t *testing.T) {
	plain := content(5000)
	stored := joined(seal(t, streamOf(1), plain, 1000)...)
	right := factsOf(stored, len(plain))
	for name, wrong := range map[string]Facts{
		"other bytes":       {right.StoredBytes, right.PlainBytes, strings.Repeat("0", 64)},
		"fewer stored":      {right.StoredBytes - 1, right.PlainBytes, right.StoredSHA256},
		"more stored":       {right.StoredBytes + 1, right.PlainBytes, right.StoredSHA256},
		"fewer plain bytes": {right.StoredBytes, right.PlainBytes - 1, right.StoredSHA256},
		"more plain bytes":  {right.StoredBytes, right.PlainBytes + 1, right.StoredSHA256},
	} {
		if err := Open(bytes.NewReader(stored), streamOf(1), wrong, io.Discard); !IsDamaged(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Open(bytes.NewReader(stored), streamOf(2), right, io.Discard); !IsDamaged(err) {
		t.Errorf("another key: %v", err)
	}
	if err := Open(bytes.NewReader(stored), Stream{streamOf(1).Key, []byte("other")}, right, io.Discard); !IsDamaged(err) {
		t.Errorf("another stream: %v", err)
	}
	if err := Open(bytes.NewReader(stored), Stream{Key: []byte("short")}, right, io.Discard); err == nil || IsDamaged(err) {
		t.Errorf("a key that is none: %v", err)
	}
}

// A chunk that is longer than any is must not fill the memory.
func TestWhatDecompressesToTooMuchIsDamaged(t *testing.T) {
	plain := make([]byte, 64<<20)
	stored := joined(seal(t, streamOf(1), plain, len(plain))...)
	if err := Open(bytes.NewReader(stored), streamOf(1), factsOf(stored, len(plain)), io.Discard); !IsDamaged(err) {
		t.Errorf("%v", err)
	}
}

var errBroken = errors.New("broken")

type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestAConnectionOrADiskThatFailsIsNoDamage(t *testing.T) {
	plain := content(5 << 20)
	stored := joined(seal(t, streamOf(1), plain, 256<<10)...)
	for _, at := range []int{0, 2, 100, len(stored) / 2, len(stored) - 1} {
		source := io.MultiReader(bytes.NewReader(stored[:at]), readerFunc(func([]byte) (int, error) { return 0, errBroken }))
		if err := Open(source, streamOf(1), factsOf(stored, len(plain)), io.Discard); !errors.Is(err, errBroken) {
			t.Errorf("after %d bytes: %v", at, err)
		}
	}
	err := Open(bytes.NewReader(stored), streamOf(1), factsOf(stored, len(plain)), &failing{1 << 20})
	if !errors.Is(err, errBroken) || IsDamaged(err) {
		t.Errorf("the disk: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func BenchmarkOpen(b *testing.B) {
	plain := content(64 << 20)
	stored := joined(seal(b, streamOf(1), plain, 256<<10)...)
	facts := factsOf(stored, len(plain))
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		if err := Open(bytes.NewReader(stored), streamOf(1), facts, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
