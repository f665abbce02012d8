"""The recording: both sides where they belong, readable at every moment."""

from __future__ import annotations

import stat
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.audio.mulaw import SAMPLE_RATE_HZ, SILENCE, decode
from dialer.audio.wav import Side, StereoWav

LEFT, RIGHT = b"\x90", b"\x20"


def sides(path: Path) -> tuple[bytes, bytes]:
    """Read a recording with the standard library's reader; return left and right linear audio."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        both = file.readframes(file.getnframes())
        assert len(both) == 4 * file.getnframes()
    left, right = bytearray(len(both) // 2), bytearray(len(both) // 2)
    for byte in (0, 1):
        left[byte::2], right[byte::2] = both[byte::4], both[2 + byte :: 4]
    return bytes(left), bytes(right)


def test_the_callee_is_left_the_agent_right_and_gaps_are_silence(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    wav = StereoWav(path)
    wav.write(Side.AGENT, 0.5, RIGHT * 4000)
    wav.write(Side.CALLEE, 0.0, LEFT * 800)
    wav.write(Side.CALLEE, 9.0, LEFT * 800)
    assert wav.seconds == pytest.approx(9.1)
    wav.close()
    wav.close()
    left, right = sides(path)
    quiet = bytes([SILENCE])
    assert left == decode(LEFT * 800 + quiet * (9 * 8000 - 800) + LEFT * 800)
    assert right == decode(quiet * 4000 + RIGHT * 4000 + quiet * (9 * 8000 - 8000 + 800))


def test_an_empty_recording_is_a_valid_one(tmp_path: Path) -> None:
    StereoWav(tmp_path / "call.wav").close()
    assert sides(tmp_path / "call.wav") == (b"", b"")


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    StereoWav(path := tmp_path / "call.wav").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_recording_that_was_never_closed_plays_to_two_seconds_before_its_end(
    tmp_path: Path,
) -> None:
    wav = StereoWav(path := tmp_path / "call.wav")
    for n in range(500):
        wav.write(Side.CALLEE, n * 0.02, LEFT * 160)
        wav.write(Side.AGENT, n * 0.02, RIGHT * 160)
        left, right = sides(path)  # what a reader finds if we die here
        assert left == decode(LEFT) * (len(left) // 2)
        assert right == decode(RIGHT) * (len(right) // 2)
        assert len(left) / 2 / SAMPLE_RATE_HZ >= (n + 1) * 0.02 - 2.0
    wav.close()


def test_late_audio_finds_its_place_on_disk(tmp_path: Path) -> None:
    wav = StereoWav(path := tmp_path / "call.wav")
    wav.write(Side.CALLEE, 0.0, LEFT * 8000 * 20)
    wav.write(Side.AGENT, 1.0, RIGHT * 8000 * 19)  # begins where all is on disk already
    wav.close()
    left, right = sides(path)
    assert left == decode(LEFT * 8000 * 20)
    assert right == decode(bytes([SILENCE]) * 8000 + RIGHT * 8000 * 19)


def test_what_lies_before_the_call_is_left_out(tmp_path: Path) -> None:
    wav = StereoWav(path := tmp_path / "call.wav")
    wav.write(Side.CALLEE, -0.01, LEFT * 160)
    wav.write(Side.CALLEE, -5.0, LEFT * 160)
    wav.write(Side.CALLEE, 1e12, LEFT * 160)
    wav.close()
    assert sides(path)[0] == decode(LEFT * 80)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(Side)),
            st.integers(0, 8 * 8000),
            st.integers(1, 3 * 8000),
            st.integers(0, 255),
        ),
        max_size=12,
    )
)
def test_any_order_of_writes_gives_what_memory_would(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[Side, int, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("wav") / "call.wav"
    length = max((at + size for _, at, size, _ in writes), default=0)
    expected = [bytearray([SILENCE]) * length for _ in Side]
    wav = StereoWav(path)
    for side, at, size, code in writes:
        wav.write(side, at / 8000, bytes([code]) * size)
        expected[side][at : at + size] = bytes([code]) * size
    wav.close()
    assert list(sides(path)) == [decode(side) for side in expected]
