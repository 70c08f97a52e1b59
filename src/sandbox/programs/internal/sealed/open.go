// Package sealed opens what src/backup/format/seal.ts makes: a stream in zstd frames, each in AES-256-GCM.
package sealed

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"runtime"

	"github.com/klauspost/compress/zstd"
)

const (
	// The format's own (src/backup/format/frame.ts): the first backups have chunks of a MiB, later ones of a quarter.
	maxChunk    = 1 << 20
	maxFrame    = maxChunk + 64<<10
	lengthBytes = 4
	tagBytes    = 16
	// chunkBytes is what a chunk has by now: buffers begin with that.
	chunkBytes = 256 << 10
	// windowLimit bounds the memory of a decompression.
	windowLimit = 8 << 20
	// readBytes are taken off the source at a time.
	readBytes = 256 << 10
	// mostWorkers open frames at the same time, while as many more wait: 6 MiB in all, of the first backups' frames 32.
	mostWorkers = 8
)

// Stream is what opens one stream of one backup, and ties its frames to it.
type Stream struct {
	// Key has 32 bytes.
	Key []byte
	// Context is authenticated with every frame: of which cluster, backup and stream it is.
	Context []byte
}

// Facts are what the backup's signed manifest says of the stream.
type Facts struct {
	StoredBytes, PlainBytes int64
	// StoredSHA256 in lower-case hex.
	StoredSHA256 string
}

// Damaged: what is stored is not what was sealed. To read it again does not help, unless it was damaged on its way.
type Damaged struct{ How string }

func (d *Damaged) Error() string { return "it is damaged: " + d.How }

func damaged(how string, parts ...any) error { return &Damaged{fmt.Sprintf(how, parts...)} }

// frame goes from the reader to a worker, and in its turn to whoever writes.
type frame struct {
	number uint32
	last   bool
	sealed []byte
	plain  []byte
	err    error
	opened chan struct{}
}

// Open writes to `out` what was sealed, in order. Several frames are opened at a time, beside reading, hashing and writing. Every byte that
// is written was authenticated as one of this stream, at its place; that it is all of them, and that they are the very bytes that the
// manifest signs, counts only when Open has returned nil. Returns `*Damaged`, or what the source or `out` failed with.
func Open(stored io.Reader, stream Stream, facts Facts, out io.Writer) error {
	block, err := aes.NewCipher(stream.Key)
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	workers := min(max(runtime.GOMAXPROCS(0), 2), mostWorkers)
	inTurn, work, free := make(chan *frame, workers), make(chan *frame, workers), make(chan *frame, 2*workers)
	for range cap(free) {
		free <- &frame{}
	}
	stop := make(chan struct{})
	defer close(stop)
	for range workers {
		go openAll(work, aead, stream)
	}
	var readErr error
	go func() {
		defer close(work)
		defer close(inTurn)
		readErr = read(stored, facts, func(f *frame) bool {
			select {
			case <-stop:
				return false
			case work <- f:
			}
			select {
			case <-stop:
				return false
			case inTurn <- f:
				return true
			}
		}, func() *frame {
			select {
			case <-stop:
				return nil
			case f := <-free:
				return f
			}
		})
	}()
	var plainBytes int64
	for f := range inTurn {
		<-f.opened
		if f.err != nil {
			return f.err
		}
		plainBytes += int64(len(f.plain))
		if plainBytes > facts.PlainBytes {
			return damaged("it has more than the %d bytes that its manifest says", facts.PlainBytes)
		}
		if _, err := out.Write(f.plain); err != nil {
			return err
		}
		free <- f
	}
	if readErr != nil {
		return readErr
	}
	if plainBytes != facts.PlainBytes {
		return damaged("it has %d bytes, and its manifest says %d", plainBytes, facts.PlainBytes)
	}
	return nil
}

// errStopped: nobody wants the rest.
var errStopped = errors.New("stopped")

// read cuts the stored bytes into frames and hashes them. It reads one byte ahead, since only what follows tells whether a frame is the
// last.
func read(stored io.Reader, facts Facts, give func(*frame) bool, take func() *frame) error {
	hashed := &counted{from: stored, hash: sha256.New(), most: facts.StoredBytes}
	source := bufio.NewReaderSize(hashed, readBytes)
	if _, err := source.Peek(1); err == io.EOF {
		return damaged("it is empty")
	}
	for number := uint32(0); ; number++ {
		var length [lengthBytes]byte
		if err := full(source, length[:]); err != nil {
			return err
		}
		size := binary.BigEndian.Uint32(length[:])
		if size < tagBytes || size > maxFrame {
			return damaged("the length of its part %d is none that is written", number)
		}
		f := take()
		if f == nil {
			return errStopped
		}
		f.sealed = sized(f.sealed, int(size))
		if err := full(source, f.sealed); err != nil {
			return err
		}
		_, err := source.Peek(1)
		if err != nil && err != io.EOF {
			return err
		}
		f.number, f.last, f.err, f.opened = number, err == io.EOF, nil, make(chan struct{})
		last := f.last
		if !give(f) {
			return errStopped
		}
		if last {
			break
		}
		if number == math.MaxUint32 {
			return damaged("it has more parts than can be")
		}
	}
	if hashed.bytes != facts.StoredBytes {
		return damaged("it has %d bytes where %d were written", hashed.bytes, facts.StoredBytes)
	}
	if got := hex.EncodeToString(hashed.hash.Sum(nil)); got != facts.StoredSHA256 {
		return damaged("the SHA-256 of its bytes is %s, and in its manifest %s", got, facts.StoredSHA256)
	}
	return nil
}

func openAll(work <-chan *frame, aead cipher.AEAD, stream Stream) {
	decoder, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxChunk), zstd.WithDecoderMaxWindow(windowLimit))
	if err != nil {
		// Options that it does not know.
		panic(err)
	}
	defer decoder.Close()
	for f := range work {
		f.plain, f.err = openFrame(aead, decoder, stream, f)
		close(f.opened)
	}
}

// openFrame decrypts in place and decompresses. The nonce is the frame's number and whether it is the last (src/backup/format/frame.ts).
func openFrame(aead cipher.AEAD, decoder *zstd.Decoder, stream Stream, f *frame) ([]byte, error) {
	var nonce [12]byte
	binary.BigEndian.PutUint32(nonce[7:], f.number)
	if f.last {
		nonce[11] = 1
	}
	content, err := aead.Open(f.sealed[:0], nonce[:], f.sealed, stream.Context)
	if err != nil {
		other := "something was added"
		if f.last {
			other = "it was cut off"
		}
		return f.plain, damaged("its part %d is not what was written (or %s)", f.number, other)
	}
	// The end of an empty stream has nothing in it, which is no zstd frame.
	if len(content) == 0 {
		return f.plain[:0], nil
	}
	if f.plain == nil {
		f.plain = make([]byte, 0, chunkBytes)
	}
	plain, err := decoder.DecodeAll(content, f.plain[:0])
	if err != nil {
		return f.plain, damaged("its part %d can't be decompressed: %v", f.number, err)
	}
	return plain, nil
}

// full fills the buffer: a source that ends before was cut off, and one that fails is not damaged.
func full(source io.Reader, into []byte) error {
	for filled := 0; filled < len(into); {
		n, err := source.Read(into[filled:])
		filled += n
		if filled == len(into) {
			return nil
		}
		if err == io.EOF {
			return damaged("it was cut off")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sized is a buffer of that length, the old one where it is large enough.
func sized(old []byte, length int) []byte {
	if cap(old) >= length {
		return old[:length]
	}
	return make([]byte, length, max(length, chunkBytes/2))
}

// counted hashes what is read. What is too long is not read to an end that may never come.
type counted struct {
	from        io.Reader
	hash        hash.Hash
	bytes, most int64
}

func (c *counted) Read(into []byte) (int, error) {
	n, err := c.from.Read(into)
	c.hash.Write(into[:n])
	c.bytes += int64(n)
	if c.bytes > c.most {
		return 0, damaged("it has more than the %d bytes that were written", c.most)
	}
	return n, err
}

// IsDamaged tells what no retry makes whole.
func IsDamaged(err error) bool {
	var d *Damaged
	return errors.As(err, &d)
}
