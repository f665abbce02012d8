"""The jitter buffer: whole frames, in order, without holes, whatever order they came in."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from dialer.audio.jitter import HOLD_S, JitterBuffer
from dialer.audio.mulaw import FRAME_BYTES, SILENT_FRAME

EPOCH_MS = 1_705_312_200_000


def frame(chunk: int) -> bytes:
    return chunk.to_bytes(2) * (FRAME_BYTES // 2)


def push(
    buffer: JitterBuffer, chunk: int, *, at_s: float | None = None, shift: int = 0
) -> list[bytes]:
    """One message of a stream that runs on time; ``shift`` ms are added to its timestamp."""
    return buffer.push(
        frame(chunk),
        chunk=chunk,
        timestamp_ms=EPOCH_MS + 20 * chunk + shift,
        arrived_s=chunk * 0.02 if at_s is None else at_s,
    )


def test_a_frame_in_order_leaves_at_once() -> None:
    buffer = JitterBuffer()
    for chunk in range(1, 2000):
        assert push(buffer, chunk) == [frame(chunk)]
    assert (buffer.late, buffer.filled, buffer.due_s) == (0, 0, None)


def test_a_message_that_overtook_waits_for_the_other() -> None:
    buffer = JitterBuffer()
    assert push(buffer, 1) == [frame(1)]
    assert push(buffer, 3) == []
    assert push(buffer, 2) == [frame(2), frame(3)]
    assert buffer.due_s is None


def test_what_is_missing_for_too_long_is_silence_and_then_too_late() -> None:
    buffer = JitterBuffer()
    push(buffer, 1)
    assert push(buffer, 3) == []
    assert buffer.due_s == 3 * 0.02 + HOLD_S
    assert buffer.due(3 * 0.02 + HOLD_S - 0.001) == []
    assert buffer.due(3 * 0.02 + HOLD_S) == [SILENT_FRAME, frame(3)]
    assert push(buffer, 2) == []
    assert (buffer.late, buffer.filled) == (1, FRAME_BYTES)
    assert push(buffer, 4) == [frame(4)]


def test_a_repeated_message_is_dropped() -> None:
    buffer = JitterBuffer()
    push(buffer, 1)
    assert push(buffer, 1) == []
    push(buffer, 3)
    assert push(buffer, 3) == []
    assert buffer.late == 2


@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_order_within_the_window_comes_out_in_order(rng: random.Random, spread: int) -> None:
    chunks = [1, *sorted(range(2, 60), key=lambda chunk: chunk + rng.random() * spread)]
    buffer = JitterBuffer()
    out = [each for chunk in chunks for each in push(buffer, chunk, at_s=chunk * 0.001)]
    assert out == [frame(chunk) for chunk in range(1, 60)]


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=700),
            st.one_of(st.none(), st.integers(0, 200)),
            st.one_of(st.none(), st.integers(0, 10**13)),
            st.floats(0, 2),
        ),
        max_size=60,
    )
)
def test_whatever_comes_the_frames_are_whole_and_memory_is_bounded(
    messages: list[tuple[bytes, int | None, int | None, float]],
) -> None:
    buffer, out, now = JitterBuffer(), list[bytes](), 0.0
    for audio, chunk, timestamp_ms, later in messages:
        now += later
        out += buffer.due(now)
        out += buffer.push(audio, chunk=chunk, timestamp_ms=timestamp_ms, arrived_s=now)
        assert buffer.due_s is None or buffer.due_s > now - 2
    out += buffer.due(math.inf)
    assert buffer.due_s is None
    assert {len(each) for each in out} <= {FRAME_BYTES}
    sent = sum(len(audio) for audio, *_ in messages)
    # Never more silence than the time that went by has room for.
    assert len(out) * FRAME_BYTES <= sent + (now + 1.0) * 8000 + FRAME_BYTES
    assert buffer.filled <= (now + 1.0) * 8000


def test_messages_of_any_size_are_cut_into_frames() -> None:
    buffer = JitterBuffer()
    audio = random.Random(1).randbytes(1600)
    out: list[bytes] = []
    for chunk, at in enumerate(range(0, 1600, 100)):
        out += buffer.push(audio[at : at + 100], chunk=chunk, timestamp_ms=None, arrived_s=0.0)
    assert b"".join(out) == audio


def test_a_stall_and_its_burst_lose_nothing() -> None:
    buffer = JitterBuffer()
    for chunk in range(1, 50):
        push(buffer, chunk)
    burst = [each for chunk in range(50, 150) for each in push(buffer, chunk, at_s=3.0)]
    assert burst == [frame(chunk) for chunk in range(50, 150)]
    assert buffer.filled == 0


def test_a_loss_that_only_the_timestamps_tell_is_silence() -> None:
    buffer = JitterBuffer()
    for chunk in range(1, 50):
        push(buffer, chunk)
    out = push(buffer, 50, at_s=1.4, shift=400)
    assert out == [SILENT_FRAME] * 20 + [frame(50)]
    assert push(buffer, 51, at_s=1.42, shift=400) == [frame(51)]


def test_timestamps_that_jitter_make_no_silence() -> None:
    buffer, rng = JitterBuffer(), random.Random(7)
    out = [each for n in range(1, 3000) for each in push(buffer, n, shift=rng.randint(-80, 80))]
    assert (len(out), buffer.filled) == (2999, 0)


def test_a_clock_that_runs_a_little_fast_or_slow_makes_no_silence() -> None:
    for per_mille in (-1, 1):
        buffer = JitterBuffer()
        for chunk in range(1, 30_000):  # ten minutes
            assert push(buffer, chunk, shift=round(chunk * 0.02 * per_mille)) == [frame(chunk)]


def test_a_clock_that_is_set_makes_no_hour_of_silence() -> None:
    for step_ms in (3_600_000, -3_600_000):
        buffer = JitterBuffer()
        for chunk in range(1, 50):
            push(buffer, chunk)
        out = [e for n in range(50, 100) for e in push(buffer, n, shift=step_ms)]
        assert [each for each in out if each != SILENT_FRAME] == [frame(n) for n in range(50, 100)]
        assert buffer.filled <= 8000 + FRAME_BYTES  # a second: what the wall clock leaves open


def test_a_carrier_that_counts_anew_is_heard_again() -> None:
    buffer = JitterBuffer()
    for chunk in range(1000, 1050):
        push(buffer, chunk)
    out = [e for n in range(1, 100) for e in push(buffer, n, at_s=21.0 + n * 0.02)]
    assert buffer.late < 30
    assert frame(99) in out
