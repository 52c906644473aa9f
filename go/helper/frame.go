package helper

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxFrame bounds one frame in either direction.
const maxFrame = 128 << 20

var errInputEnded = errors.New("input ended")

// readFrame reads one frame: u32 length of the rest, u32 length of the JSON header, the header, raw bytes.
func readFrame(in io.Reader, header any) ([]byte, error) {
	var prefix [8]byte
	if _, err := io.ReadFull(in, prefix[:4]); err != nil {
		return nil, errInputEnded
	}
	total := binary.BigEndian.Uint32(prefix[:4])
	if total < 4 || total > maxFrame {
		return nil, fmt.Errorf("frame of %d bytes is outside 4 to %d", total, maxFrame)
	}
	if _, err := io.ReadFull(in, prefix[4:]); err != nil {
		return nil, errInputEnded
	}
	size := binary.BigEndian.Uint32(prefix[4:])
	if size > total-4 {
		return nil, fmt.Errorf("frame header of %d bytes does not fit in a frame of %d", size, total)
	}
	rest := make([]byte, total-4)
	if _, err := io.ReadFull(in, rest); err != nil {
		return nil, errInputEnded
	}
	err := json.Unmarshal(rest[:size], header)
	clear(rest[:size])
	if err != nil {
		return nil, fmt.Errorf("frame header is not JSON: %w", err)
	}
	return rest[size:], nil
}

// writeFrame writes one frame in a single Write.
func writeFrame(out io.Writer, header any, body []byte) error {
	head, err := json.Marshal(header)
	if err != nil {
		return err
	}
	total := 4 + len(head) + len(body)
	if total > maxFrame {
		return fmt.Errorf("frame of %d bytes is larger than %d", total, maxFrame)
	}
	frame := make([]byte, 0, 4+total)
	frame = binary.BigEndian.AppendUint32(frame, uint32(total))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(head)))
	frame = append(append(frame, head...), body...)
	defer clear(frame)
	_, err = out.Write(frame)
	return err
}
