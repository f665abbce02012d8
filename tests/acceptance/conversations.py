"""Scripted conversations held with the whole product, and what was wrong with them.

Each is looked at from both ends: what the product has stored, and what the twin's people heard.
"""

from __future__ import annotations

import asyncio
import math
import re
import resource
import time
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from dialer.store.engine import Tx
from dialer.store.tables import answers, attempts, enrolments, recordings, turns
from tests.acceptance.far_end import Floor, running_floor
from tests.acceptance.line import phone
from tests.acceptance.personas import CAMPAIGNS, COLLEAGUE, Conversation

AT_ONCE = 20  # two cores carry twice as many, but not beside anything else
_CALLS_LIMIT_S = 90.0  # of one batch of calls, their dialing included
LEVEL_DBFS = (-26.0, -14.0)  # of speech as telephones carry it
_LOUD_DBFS = -45.0  # far above the line's noise, far below speech
_NEW_TURN_S = 0.5  # before this no new turn of ours can have begun
_STALE_S = 0.06  # frames that were being played when the queue was cleared


@dataclass(frozen=True, slots=True)
class Stored:
    """What the product knows of one call. ``disposition``: the call's, or else the lead's, which is
    what is left when the callee hung up in the middle."""

    attempt: Any
    disposition: str | None
    turns: Sequence[Any]
    answers: Mapping[str, object]
    recording: Path | None


@dataclass(slots=True)
class Verdict:
    """One conversation, judged. Seconds; ``cuts`` in words: ours less what the callee heard."""

    conversation: Conversation
    seconds: float = 0.0
    wrong_answers: list[str] = field(default_factory=list)
    wrong_dispositions: list[str] = field(default_factory=list)
    wrong_interruptions: list[str] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    misheard: list[str] = field(default_factory=list)
    stale_audio: list[str] = field(default_factory=list)
    holes_ms: list[int] = field(default_factory=list)
    heard_s: list[float] = field(default_factory=list)  # voice to voice, by the twin
    marked_s: list[float] = field(default_factory=list)  # by our marks
    apart_s: list[float] = field(default_factory=list)  # ours less the twin's, of one reply
    agent_dbfs: float | None = None
    callee_dbfs: float | None = None

    @property
    def is_right(self) -> bool:
        return not (self.wrong_answers or self.wrong_dispositions or self.wrong_interruptions)


@dataclass(frozen=True, slots=True)
class Held:
    """All of them. ``cpu_s`` of this process, which is the product's."""

    verdicts: Sequence[Verdict]
    wall_s: float
    cpu_s: float

    @property
    def talk_s(self) -> float:
        return sum(each.seconds for each in self.verdicts)


async def hold(
    database_url: str, data_dir: Path, people: Sequence[Conversation], *, at_once: int = AT_ONCE
) -> Held:
    """Call everybody, at most ``at_once`` at a time, and judge each conversation."""
    phones = {phone(number): each for number, each in enumerate(people, start=1)}
    async with running_floor(database_url, data_dir, at_once=at_once) as floor:
        scripts: dict[str, object] = {number: each.script for number, each in phones.items()}
        await floor.set_callees(scripts | {COLLEAGUE: "silent"})
        began, cpu_s = time.monotonic(), _cpu_s()
        for name, definition in CAMPAIGNS.items():
            called = [number for number, each in phones.items() if each.campaign == name]
            if called:
                await floor.launch(definition, called)
        batches = -(-len(people) // at_once)
        await _until_over(floor, len(people), limit_s=batches * _CALLS_LIMIT_S)
        wall_s, cpu_s = time.monotonic() - began, _cpu_s() - cpu_s
        stored = await _stored(floor, data_dir)
        verdicts = []
        for number, conversation in phones.items():
            known = stored[number]
            talk = await floor.talk(known.attempt.call_uuid)
            verdicts.append(judge(conversation, known, talk))
    return Held(verdicts, wall_s, cpu_s)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _until_over(floor: Floor, count: int, *, limit_s: float) -> None:
    """Wait until everybody was called and every call has ended and was written down."""
    async with asyncio.timeout(limit_s):
        while True:
            async with floor.runtime.db.begin() as tx:
                found = await tx.all(select(attempts.c.state, attempts.c.usage))
            if sum(each.state == "ended" and each.usage is not None for each in found) >= count:
                return
            await asyncio.sleep(0.5)


async def _stored(floor: Floor, data_dir: Path) -> dict[str, Stored]:
    async with floor.runtime.db.begin() as tx:
        rows = await tx.all(select(attempts).order_by(attempts.c.id))
        return {row.phone: await _stored_of(tx, row, data_dir) for row in rows}


async def _stored_of(tx: Tx, row: Any, data_dir: Path) -> Stored:
    said = await tx.all(select(turns).where(turns.c.attempt_id == row.id).order_by(turns.c.number))
    given = await tx.all(select(answers).where(answers.c.attempt_id == row.id))
    files = await tx.all(select(recordings).where(recordings.c.attempt_id == row.id))
    lead = await tx.one_or_none(select(enrolments).where(enrolments.c.id == row.enrolment_id))
    return Stored(
        row,
        row.disposition or (None if lead is None else lead.disposition),
        said,
        {each.question_id: each.value for each in given},
        data_dir / files[0].path if files else None,
    )


def judge(conversation: Conversation, stored: Stored, talk: Mapping[str, Any]) -> Verdict:
    """Compare what was meant, what was stored and what was heard."""
    verdict = Verdict(conversation, seconds=talk["seconds"])
    if dict(stored.answers) != dict(conversation.answers):
        verdict.wrong_answers.append(f"{dict(stored.answers)}, not {conversation.answers}")
    attempt = stored.attempt
    found = (stored.disposition, _instant(attempt.callback_at), attempt.transfer_reason)
    meant = (conversation.disposition, conversation.callback_at, conversation.transfer_reason)
    if found != meant:
        verdict.wrong_dispositions.append(f"{found}, not {meant}")
    _judge_words(verdict, stored, talk)
    _judge_times(verdict, stored, talk)
    verdict.holes_ms = [hole["ms"] for hole in talk["holes"]]
    if stored.recording is not None:
        verdict.callee_dbfs, verdict.agent_dbfs = levels(stored.recording)
    return verdict


def _instant(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _judge_words(verdict: Verdict, stored: Stored, talk: Mapping[str, Any]) -> None:
    """Every turn of ours against what was heard of it; where it was cut, to the word."""
    ours = [turn for turn in stored.turns if turn.speaker == "agent"]
    spurts = [each for each in talk["agent"] if each["text"]]
    place = _turns_of(spurts, ours)
    for index, turn in enumerate(ours):
        inside = [each for at, each in zip(place, spurts, strict=True) if at == index]
        heard = [word for spurt in inside for word in _words(spurt["text"])]
        error = len(_words(turn.said)) - len(heard)
        if turn.is_interrupted:
            verdict.cuts.append(error)
        elif error:
            verdict.misheard.append(f"{turn.said!r} was heard as {' '.join(heard)!r}")
        cleared = [each for each in inside if each["was_cleared"]]
        if cleared and not turn.is_interrupted:
            verdict.wrong_interruptions.append(f"{turn.said!r} was cut, and does not tell it")
        for spurt in cleared:
            at_s = max(
                (c["at_s"] for c in talk["clears"] if c["at_s"] >= spurt["starts_s"]),
                key=lambda at_s, ends_s=spurt["ends_s"]: -abs(at_s - ends_s),
            )
            goes_on = any(
                at_s <= each["starts_s"] < _silent_until(talk, at_s)
                for each in inside[inside.index(spurt) + 1 :]
            )
            if spurt["ends_s"] > at_s + _STALE_S or goes_on:
                verdict.stale_audio.append(f"{spurt['text']!r} after the clear at {at_s}")
    if verdict.conversation.interrupts and not any(turn.is_interrupted for turn in ours):
        verdict.wrong_interruptions.append("the agent was talked over and did not stop")


def _silent_until(talk: Mapping[str, Any], at_s: float) -> float:
    """How long nothing may be heard of us after a clear: until whoever talked over us has ended.
    A turn cut so short that it is said again may have the same words."""
    over_us = [each["ends_s"] for each in talk["callee"] if each["starts_s"] <= at_s]
    return max([at_s + _NEW_TURN_S, *over_us])


def _turns_of(spurts: Sequence[Mapping[str, Any]], ours: Sequence[Any]) -> list[int]:
    """To which turn each talkspurt belongs, in order: by its words, and by time where two turns
    have the same. The two clocks may differ by what a busy machine is late."""
    best: list[tuple[float, list[int]]] = [(0.0, [])] * len(ours)
    for spurt in spurts:
        said = _words(spurt["text"])
        following: list[tuple[float, list[int]]] = []
        leader: tuple[float, list[int]] = (-math.inf, [])
        for index, turn in enumerate(ours):
            leader = max(leader, best[index], key=lambda each: each[0])
            match = SequenceMatcher(None, said, _words(turn.said), autojunk=False)
            same = sum(block.size for block in match.get_matching_blocks())
            same += 0.5 * (turn.is_interrupted == spurt["was_cleared"])
            score = same - 0.1 * abs(turn.starts_s - spurt["starts_s"])
            following.append((leader[0] + score, [*leader[1], index]))
        best = following
    return max(best, key=lambda each: each[0], default=(0.0, []))[1]


def _words(text: str) -> list[str]:
    return [word for word in text.split() if re.search(r"\w", word)]


def _judge_times(verdict: Verdict, stored: Stored, talk: Mapping[str, Any]) -> None:
    """Voice to voice of each reply, from both ends."""
    said = list(talk["callee"])
    verdict.heard_s = [
        each["voice_to_voice_ms"] / 1000 for each in said if each["voice_to_voice_ms"] is not None
    ]
    for turn, reply in pairwise(stored.turns):
        if (turn.speaker, reply.speaker) != ("callee", "agent"):
            continue
        same = next((each for each in said if each["text"] == turn.said), None)
        if same is None:
            continue  # said in two parts
        said = said[said.index(same) + 1 :]
        if same["voice_to_voice_ms"] is not None:
            ours_s = reply.marks["first_audio_heard"] - reply.marks["end_of_speech"]
            verdict.marked_s.append(ours_s)
            verdict.apart_s.append(ours_s - same["voice_to_voice_ms"] / 1000)


def levels(path: Path) -> tuple[float | None, float | None]:
    """Return the level of the callee's and of the agent's speech in dB re full scale; None where
    there is none."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    return _level(samples[:, 0]), _level(samples[:, 1])


def _level(samples: Any) -> float | None:
    """Of the frames of 20 ms that are loud."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(float) / 32768
    power = (frames**2).mean(axis=1)
    loud = power[power > 10 ** (_LOUD_DBFS / 10)]
    return None if not len(loud) else round(float(10 * np.log10(loud.mean())), 1)
