package vault

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// windowSize is how far back compression looks. It decides the memory of what
// is in hand at once: 360 to 610 KB for an open writer, 330 KB for an open
// reader of more than smallContent.
const windowSize = 64 << 10

// codecs lends encoders and decoders, which are costly to make. What is not in
// use goes with the garbage.
type codecs struct {
	encoders sync.Pool
	decoders sync.Pool
}

// decoder is a decoder with room for the first segment of content.
type decoder struct {
	zstd  *zstd.Decoder
	first [segmentSize]byte
}

// encoder lends an encoder. Concurrency 1 means that it starts no goroutine. It
// needs no checksum: what it writes is authenticated.
func (c *codecs) encoder() (*zstd.Encoder, error) {
	if e, ok := c.encoders.Get().(*zstd.Encoder); ok {
		return e, nil
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowSize),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	if err != nil {
		return nil, fmt.Errorf("make a compressor: %w", err)
	}
	return e, nil
}

func (c *codecs) keepEncoder(e *zstd.Encoder) {
	e.Reset(nil)
	c.encoders.Put(e)
}

// decoder lends a decoder, whose memory is bounded whatever the content claims.
func (c *codecs) decoder() (*decoder, error) {
	if d, ok := c.decoders.Get().(*decoder); ok {
		return d, nil
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(1<<20), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("make a decompressor: %w", err)
	}
	return &decoder{zstd: z}, nil
}

func (c *codecs) keepDecoder(d *decoder) {
	_ = d.zstd.Reset(nil)
	c.decoders.Put(d)
}
