"""Mu-law against the figures of ITU-T G.711, table 2, and levels against what they are of."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.audio.levels import QUIETEST_DBFS, rms_dbfs
from dialer.audio.mulaw import SILENCE, SILENT_FRAME, decode, encode

# Table 2a: the character signals of each segment's last and first interval, the decoder's output
# there, and the decision value where the interval begins, all on the standard's scale of 8159.
# The table's columns number the bits from the sign; 0x80 is the loudest positive signal.
SEGMENTS = [
    (0x80, 8031, 7903),
    (0x8F, 4191, 4063),
    (0x90, 3999, 3935),
    (0x9F, 2079, 2015),
    (0xA0, 1983, 1951),
    (0xAF, 1023, 991),
    (0xB0, 975, 959),
    (0xBF, 495, 479),
    (0xC0, 471, 463),
    (0xCF, 231, 223),
    (0xD0, 219, 215),
    (0xDF, 99, 95),
    (0xE0, 93, 91),
    (0xEF, 33, 31),
    (0xF0, 30, 29),
    (0xFE, 2, 1),
    (0xFF, 0, 0),
]


def linear(*samples: int) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


def samples(audio: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(audio) // 2}h", audio)


@pytest.mark.parametrize(("code", "output", "decision"), SEGMENTS)
def test_every_segment_begins_and_ends_where_the_standard_says(
    code: int, output: int, decision: int
) -> None:
    plus, minus = bytes([code]), bytes([code & 0x7F])
    assert samples(decode(plus + minus)) == (4 * output, -4 * output)
    assert encode(linear(4 * decision)) == plus
    assert encode(linear(4 * output)) == plus
    if decision:
        assert encode(linear(-4 * decision)) == minus
        assert encode(linear(4 * decision - 1)) == bytes([code + 1])


def test_what_is_louder_than_the_scale_is_the_loudest_signal() -> None:
    assert encode(linear(32767, -32768, 32636, -32636)) == b"\x80\x00\x80\x00"


def test_every_code_comes_back_as_it_was_but_minus_zero() -> None:
    codes = bytes(range(256))
    assert encode(decode(codes)) == codes.replace(b"\x7f", b"\xff")
    assert encode(decode(SILENT_FRAME)) == SILENT_FRAME == bytes([SILENCE]) * 160


@given(st.lists(st.integers(-32768, 32767), max_size=400))
def test_a_sample_comes_back_within_half_a_step(values: list[int]) -> None:
    back = samples(decode(encode(linear(*values))))
    assert len(back) == len(values)
    for value, heard in zip(values, back, strict=True):
        clipped = max(-32635, min(32635, value))
        step = 2 ** max(3, (abs(clipped) + 132).bit_length() - 5)
        assert abs(heard - clipped) <= step / 2 + 1
        assert heard * value >= 0


@given(st.integers(-32768, 32766))
def test_louder_is_never_written_quieter(value: int) -> None:
    quiet, loud = samples(decode(encode(linear(value, value + 1))))
    assert quiet <= loud


def test_an_odd_byte_at_the_end_is_dropped() -> None:
    assert encode(linear(1000, 2000) + b"\x01") == encode(linear(1000, 2000))
    assert decode(b"") == encode(b"") == b""


@pytest.mark.parametrize("level", [-3.0, -20.0, -40.0, -50.0])
def test_a_sine_reads_its_level(level: float) -> None:
    amplitude = 32768 * 10 ** (level / 20) * math.sqrt(2)
    if amplitude > 32000:
        amplitude, level = 32000, 20 * math.log10(32000 / 32768 / math.sqrt(2))
    wave = (round(amplitude * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(8000))
    audio = encode(linear(*wave))
    assert rms_dbfs(audio) == pytest.approx(level, abs=0.3)


def test_silence_and_nothing_read_the_same_floor() -> None:
    for audio in (SILENT_FRAME, b"", b"\x7f" * 160):
        assert rms_dbfs(audio) == QUIETEST_DBFS
    assert rms_dbfs(b"\x80\x00" * 80) == pytest.approx(-0.17, abs=0.01)


@given(st.binary(min_size=1, max_size=400))
def test_a_level_lies_between_the_floor_and_full_scale(audio: bytes) -> None:
    assert QUIETEST_DBFS <= rms_dbfs(audio) <= 1e-9
