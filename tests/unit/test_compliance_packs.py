"""Packs load whole or not at all, and say where they are wrong."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import pytest

from dialer.compliance.packs import (
    SHIPPED,
    add_regions,
    cautions,
    find_packs,
    load_pack,
    packs_by_hash,
    read_pack,
    require_packs,
)
from dialer.compliance.schema import Abandonment, CircuitBreaker, Window
from dialer.errors import InvalidInput, NotFound

INDIA = (SHIPPED / "in.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["in", "us", "us-fl", "gb", "au"])
def test_a_shipped_pack_loads_with_the_hash_of_its_bytes(name: str) -> None:
    path = SHIPPED / f"{name}.toml"
    pack = load_pack(path)
    assert (pack.id, pack.version) == (name, "2026-11-22")
    assert pack.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_pack_brings_its_parent_and_stands_behind_it() -> None:
    assert [pack.id for pack in find_packs(["us-fl", "in", "us"])] == ["us", "us-fl", "in"]


def test_an_unknown_pack_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(NotFound, match="'fr'; there are: au, gb, in, us, us-fl"):
        find_packs(["fr"])


def test_a_folder_adds_packs(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(INDIA.replace('id = "in"', 'id = "mine"'))
    assert find_packs(["mine"], [tmp_path])[0].id == "mine"


def test_a_folder_cannot_replace_a_shipped_pack(tmp_path: Path) -> None:
    (tmp_path / "in.toml").write_text(INDIA)
    with pytest.raises(InvalidInput, match="exists already"):
        find_packs(["in"], [tmp_path])


def test_a_pack_cannot_be_its_own_ancestor(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(INDIA.replace('id = "in"', 'id = "x"\nparent = "x"', 1))
    with pytest.raises(InvalidInput, match="its own ancestor"):
        find_packs(["x"], [tmp_path])


def test_a_pack_says_that_no_law_owner_reviewed_it_and_when_its_holidays_end(
    tmp_path: Path,
) -> None:
    found = find_packs(["in", "gb"])
    said = [*cautions(found, date(2026, 11, 23))]
    assert len(said) == 2 and all("has not been reviewed by a law owner" in one for one in said)
    later = [*cautions(found, date(2027, 3, 30))]
    assert [one for one in later if one not in said] == [
        "Rule pack gb: calendar GB-EAW has run out, so no holiday from 2027-03-30 on is known; "
        "add the new dates."
    ]
    signed = INDIA.replace('"not_reviewed"', '"reviewed"\nreviewed_by = "A. Nyayadhish"')
    (tmp_path / "mine.toml").write_text(signed.replace('id = "in"', 'id = "mine"', 1))
    assert [*cautions(find_packs(["mine"], [tmp_path]), date(2026, 11, 23))] == []


def test_a_bad_pack_in_the_folder_is_found_before_anything_is_asked(tmp_path: Path) -> None:
    require_packs([tmp_path, tmp_path / "none"])
    (tmp_path / "bad.toml").write_text("[pack]\n")
    with pytest.raises(InvalidInput, match=r"bad\.toml: .*`schema`"):
        require_packs([tmp_path])


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_pack(tmp_path / "in.toml")


def test_rules_that_decide_no_call_are_kept_for_those_who_act_on_them() -> None:
    (breaker,) = find_packs(["in"])[0].rules_of(CircuitBreaker)
    assert (breaker.threshold, breaker.period) == (3, "P10D")


WRONG = [
    ("schema = 1", "schema = 2", r"pack\.schema"),
    ('id = "in"', 'id = "india"', r"must be india\.toml"),
    ('boundary = "half_open"', 'boundary = "closed"', r"pack\.boundary"),
    ('unknown = "deny"', 'unknown = "allow"', r"pack\.zones\.unknown"),
    ('multi = "all"', 'multi = "any"', r"pack\.zones\.multi"),
    ('default_action = "deny"', 'default_action = "defer_to_parent"', "no pack.parent"),
    ('zones = ["Asia/Kolkata"]', 'zones = ["Asia/Delhi"]', "'Asia/Delhi' is no time zone"),
    ('zones = ["Asia/Kolkata"]', "zones = []", "zones.zones is empty"),
    ('mode = "fixed"', 'mode = "prefix"', "prefixes is empty"),
    ('kind = "window"', 'kind = "windows"', r"rule\[0\]"),
    ('["10:00", "21:00"]', '["10:00", "25:00"]', r"'25:00' is no time of day.*rule\[0\]"),
    ('["10:00", "21:00"]', '["21:00", "10:00"]', r"ends before it starts.*rule\[0\]"),
    ('["10:00", "21:00"]', '["9:00", "21:00"]', "'9:00' is no time of day"),
    ('days = ["mon"', 'days = ["monday"', r"rule\[0\]\.days"),
    ('holidays = "same"', 'holidays = "open"', "holidays = 'open'"),
    ('calendar = "IN-national"', 'calendar = "IN"', r"rule\[0\] \(in.promo.window\) names no"),
    ('holidays = "same" ', 'holidays = "as:sun"\nx = "same" ', r"unknown field `x`"),
    ('preference_bands = ["00-06"', 'preference_bands = ["0006"', "no time band"),
    ("effective_from = 2019-02-28", 'effective_from = "soon"', r"rule\[0\]\.effective_from"),
    (
        "effective_from = 2019-02-28",
        "effective_from = 2019-02-28\neffective_to = 2019-02-27",
        "ends before it takes effect",
    ),
    ('id = "in.service.window.policy"', 'id = "in.promo.window"', "is used twice"),
    ('max_age = "PT30M"', 'max_age = "30 minutes"', r"max_age"),
    ('max_age = "PT30M"', 'max_age = "P0D"', "is zero"),
    ('max_age = "PT30M"', 'max_age = "P1BD"', "max_age cannot be business days"),
    ('freshness = "same_local_day"', 'freshness = "daily"', "'daily' is no duration"),
    ('period = "P1D"', 'period = "PT24H"', "period must be whole days"),
    ('severity = "block"', 'severity = "block', "in.toml: "),
    ('title = "India', 'titel = "India', "titel"),
    ('status = "not_reviewed"', 'status = "signed"', r"pack\.status"),
    ('status = "not_reviewed"', 'status = "reviewed"', "pack.reviewed_by says by whom"),
    ('status = "not_reviewed"', 'reviewed_by = "A. Nyayadhish"', "pack.reviewed_by says by whom"),
    ('status = "not_reviewed"', 'status = "reviewed"\nreviewed_by = ""', r"pack\.reviewed_by"),
    ('version = "2026-11-22"', 'version = ""', r"pack\.version"),
    ('categories = ["promotional", "service_explicit"]', "categories = []", r"\.categories"),
    ('days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]', "days = []", r"\.days"),
    ('spans = [["10:00", "21:00"]]', "spans = []", r"\.spans"),
    ('consent = ["inquiry"]', "consent = []", r"\.consent"),
    ("threshold = 3", "threshold = 0", r"\.threshold"),
    ("max = 3", "max = 0", r"\.max"),
    ('requires = ["oap_notice", "objective", "cli_list"]', "requires = []", r"\.requires"),
    ("[pack]", "[extra]\nx = 1\n[pack]", "unknown field `extra`"),
    ('mode = "fixed"', 'x = 1\nmode = "fixed"', r"unknown field `x`.*pack\.zones"),
    ("dates = [2026-01-26", "x = 1\ndates = [2026-01-26", "unknown field `x`.*calendars"),
]
BRITAIN = (SHIPPED / "gb.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("rate", ["0", "-0.5", "1.5"])
def test_a_share_of_abandoned_calls_lies_between_none_and_all(rate: str) -> None:
    changed = BRITAIN.replace("max_rate = 0.03", f"max_rate = {rate}", 1)
    with pytest.raises(InvalidInput, match=r"max_rate"):
        read_pack(changed.encode(), Path("packs/gb.toml"))


@pytest.mark.parametrize("rules", ["", "rule = []\n"])
def test_a_pack_without_rules_is_none(rules: str) -> None:
    bare = rules + INDIA[: INDIA.index("[[rule]]")]
    with pytest.raises(InvalidInput, match=r"in\.toml: .*rule"):
        read_pack(bare.encode(), Path("packs/in.toml"))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('requires = ["oap_notice", "objective", "cli_list"]', 'requires = ["cli_list"]'),
        ("threshold = 3", "threshold = 1"),
        ("max = 3", "max = 1"),
        ('status = "not_reviewed"', 'status = "reviewed"\nreviewed_by = "A"'),
        ('version = "2026-11-22"', 'version = "1"'),
    ],
)
def test_the_least_that_a_pack_may_say(right: str, wrong: str) -> None:
    assert right in INDIA
    assert read_pack(INDIA.replace(right, wrong, 1).encode(), Path("packs/in.toml")).id == "in"


@pytest.mark.parametrize(("right", "wrong", "says"), WRONG)
def test_a_wrong_pack_is_refused_with_its_file_and_place(right: str, wrong: str, says: str) -> None:
    assert right in INDIA
    with pytest.raises(InvalidInput, match=says) as refused:
        read_pack(INDIA.replace(right, wrong, 1).encode(), Path("packs/in.toml"))
    assert str(refused.value).startswith("packs/in.toml: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["08:59", "00:00", "23:59", "24:00"])
def test_a_window_may_open_or_close_at_any_minute(text: str) -> None:
    span = ["00:00", text] if text > "00:00" else [text, "24:00"]
    changed = INDIA.replace('["10:00", "21:00"]', json.dumps(span), 1)
    assert read_pack(changed.encode(), Path("packs/in.toml")).id == "in"


@pytest.mark.parametrize(
    ("span", "says"),
    [
        (["08:60", "21:00"], "'08:60' is no time of day"),
        (["08:00", "24:01"], "'24:01' is no time of day"),
        (["08:00", "08:00"], "08:00-08:00 ends before it starts"),
        (["21:00", "10:00"], "21:00-10:00 ends before it starts"),
    ],
)
def test_what_is_no_span_is_refused_as_it_was_written(span: list[str], says: str) -> None:
    changed = INDIA.replace('["10:00", "21:00"]', json.dumps(span), 1)
    with pytest.raises(InvalidInput, match=says):
        read_pack(changed.encode(), Path("packs/in.toml"))


def test_a_users_pack_is_read_anew_and_a_shipped_one_once(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    for version in ("1", "2"):
        text = INDIA.replace('id = "in"', 'id = "mine"', 1)
        mine.write_text(text.replace('version = "2026-11-22"', f'version = "{version}"', 1))
        (pack,) = find_packs(["mine"], [tmp_path])
        assert (pack.id, pack.version) == ("mine", version)
    assert find_packs(["in"])[0] is find_packs(["in"])[0]


@pytest.mark.parametrize(("digits", "is_good"), [("123456", True), ("1234567", False)])
def test_a_prefix_names_an_area_and_no_person(digits: str, is_good: bool) -> None:
    australia = (SHIPPED / "au.toml").read_text(encoding="utf-8")
    packs = [
        INDIA.replace('id = "in"', f'id = "in"\narea_codes = ["{digits}"]', 1),
        australia.replace('"2" = [', f'"{digits}" = [', 1),
    ]
    for text, name in zip(packs, ("in", "au"), strict=True):
        if is_good:
            assert read_pack(text.encode(), Path(f"{name}.toml")).id == name
        else:
            with pytest.raises(InvalidInput, match="has over 6 digits; name the area"):
                read_pack(text.encode(), Path(f"{name}.toml"))


def test_the_last_holiday_is_still_known_on_its_day() -> None:
    britain = find_packs(["gb"])
    told = [any("has run out" in one for one in cautions(britain, date(2027, 3, day)))
            for day in (28, 29, 30)]  # fmt: skip
    assert told == [False, False, True]
    text = BRITAIN[: BRITAIN.index("dates = [")] + "dates = []\n"
    empty = text + BRITAIN[BRITAIN.index("\n", BRITAIN.index("dates = [")) :]
    pack = read_pack(empty.encode(), Path("gb.toml"))
    assert any("has run out" in one for one in cautions([pack], date(2026, 11, 23)))
    assert any("has run out" in one for one in cautions([pack], date(1970, 1, 1)))


def test_a_calendar_that_no_window_uses_may_run_out() -> None:
    america = find_packs(["us"])
    said = [one for one in cautions(america, date(2040, 1, 1)) if "has run out" in one]
    assert len(said) == len(america[0].calendars)
    bare = "\n".join(
        line for line in BRITAIN.splitlines() if not line.startswith(("calendar =", "holidays ="))
    )
    pack = read_pack(bare.encode(), Path("gb.toml"))
    assert not any("has run out" in one for one in cautions([pack], date(2040, 1, 1)))


def test_a_rule_may_hold_for_one_day() -> None:
    one_day = INDIA.replace(
        "effective_from = 2019-02-28", "effective_from = 2019-02-28\neffective_to = 2019-02-28", 1
    )
    assert read_pack(one_day.encode(), Path("in.toml")).rules[0].effective_to == date(2019, 2, 28)


def test_a_source_may_be_one_letter_and_not_none() -> None:
    place = INDIA.index('source = "')
    end = INDIA.index("\n", place)
    for source, is_good in (("", False), ("S", True)):
        text = f'{INDIA[:place]}source = "{source}"{INDIA[end:]}'
        if is_good:
            assert read_pack(text.encode(), Path("in.toml")).rules[0].source == "S"
        else:
            with pytest.raises(InvalidInput, match=r"rule\[0\]\.source"):
                read_pack(text.encode(), Path("in.toml"))


def test_what_a_pack_does_not_say_is_the_careful_reading() -> None:
    bare = INDIA.replace("preference_on_may_extend = true", "# preference_on_may_extend", 1)
    pack = read_pack(bare.encode(), Path("in.toml"))
    assert not pack.rules_of(Window)[0].preference_on_may_extend
    unreviewed = INDIA.replace('status = "not_reviewed"', "# no status", 1)
    assert read_pack(unreviewed.encode(), Path("in.toml")).header.status == "not_reviewed"
    silent = BRITAIN.replace("message_required = true", "# message_required", 1)
    (rule,) = read_pack(silent.encode(), Path("gb.toml")).rules_of(Abandonment)
    assert not rule.message_required
    assert pack.rules[0].enabled


def test_a_pack_knows_its_categories() -> None:
    assert find_packs(["au"])[0].categories == {"telemarketing", "research"}


def test_a_file_that_is_no_pack_hides_none_behind_it(tmp_path: Path) -> None:
    (tmp_path / "0.toml").write_bytes(b"\xff")
    (tmp_path / "1.toml").write_text("pack = 3")
    raw = INDIA.replace("India: TCCCPR", "Bharat: TCCCPR", 1).encode()
    (tmp_path / "2.toml").write_bytes(raw)
    assert hashlib.sha256(raw).hexdigest() in packs_by_hash([tmp_path])


def test_a_region_may_have_regions_of_its_own(tmp_path: Path) -> None:
    florida = (SHIPPED / "us-fl.toml").read_text(encoding="utf-8")
    (tmp_path / "a-city.toml").write_text(
        florida.replace('id = "us-fl"', 'id = "a-city"', 1).replace(
            'parent = "us"', 'parent = "us-fl"', 1
        )
    )
    found = [pack.id for pack in add_regions(find_packs(["us"]), [tmp_path])]
    assert found == ["us", "us-fl", "a-city"]
    assert add_regions(()) == ()
