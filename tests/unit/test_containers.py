"""The compose file and the Dockerfile against the code: no engine runs here, so this does."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import yaml

from dialer.app.serve import DRAIN_LIMIT_S
from dialer.cli.parser import parser
from dialer.settings import read_settings
from dialer.twin import __main__ as twin_main
from dialer.twin.admin import AdminRoutes
from dialer.web import health

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {"migrate", "web", "worker", "twin"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
# What a person writes into `.env`: once for the carrier, once for a rehearsal.
LIVE = {
    "POSTGRES_PASSWORD": "0123456789abcdef",
    "DIALER_SECRET_KEY": "s" * 32,
    "DIALER_API_KEY": "k" * 32,
    "DIALER_PUBLIC_URL": "https://calls.example.com",
    "PLIVO_AUTH_ID": "MAXXXXXXXXXXXXXXXXXX",
    "PLIVO_AUTH_TOKEN": "token",
}
REHEARSAL = LIVE | {
    "DIALER_PUBLIC_URL": "http://web:8000",
    "PLIVO_API_URL": "http://twin:8900/v1",
}
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class Recorder(dict[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return default


def read_variables() -> set[str]:
    environ = Recorder()
    read_settings(environ)
    return environ.asked


def filled(text: str, values: Mapping[str, str]) -> str:
    """Fill in ``${NAME:-default}`` and ``${NAME:?message}`` as compose does."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if values.get(name):
            return values[name]
        assert kind == "-", f"{name} is required and nobody said so above the services"
        return str(rest)

    return _VARIABLE.sub(value, text)


def environment(service: str, values: Mapping[str, str]) -> dict[str, str]:
    return {name: filled(str(v), values) for name, v in SERVICES[service]["environment"].items()}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, arguments), continued lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def dockerfile(instruction: str) -> list[str]:
    return [rest for word, rest in instructions() if word == instruction]


def image_environment() -> dict[str, str]:
    words = shlex.split(" ".join(dockerfile("ENV")))
    return dict(word.split("=", 1) for word in words)


def test_the_services_are_those_of_the_design() -> None:
    assert set(SERVICES) == OURS | {"postgres"}
    assert SERVICES["twin"]["profiles"] == ["twin"]
    assert not any("profiles" in SERVICES[name] for name in set(SERVICES) - {"twin"})


@pytest.mark.parametrize("service", sorted(OURS - {"twin"}))
def test_every_command_is_one_the_program_has(service: str) -> None:
    program, *words = SERVICES[service]["command"]
    assert program in PROJECT["project"]["scripts"]
    args = parser().parse_args(words)
    assert callable(args.run)


def test_each_service_runs_what_it_is_named_for() -> None:
    assert SERVICES["migrate"]["command"] == ["dialer", "db", "upgrade"]
    assert SERVICES["web"]["command"][:2] == ["dialer", "web"]
    assert SERVICES["worker"]["command"] == ["dialer", "worker"]


def test_the_twin_takes_its_arguments_and_the_account_of_the_others() -> None:
    program, command, *words = SERVICES["twin"]["command"]
    assert (program, command) == ("dialer", "twin")
    args = twin_main.parser().parse_args([filled(word, REHEARSAL) for word in words])
    settings = read_settings(environment("worker", REHEARSAL))
    assert (args.auth_id, args.auth_token) == (settings.plivo_auth_id, settings.plivo_auth_token)
    assert urlsplit(settings.plivo_api_url).netloc == f"twin:{args.bind[1]}"


@pytest.mark.parametrize("values", [LIVE, REHEARSAL], ids=["live", "rehearsal"])
@pytest.mark.parametrize("service", ["migrate", "web", "worker"])
def test_the_environment_is_read_without_complaint(service: str, values: dict[str, str]) -> None:
    settings = read_settings(environment(service, values))
    assert settings.carrier == "plivo"  # beside each other, two private twins would not do
    assert settings.host == "0.0.0.0"
    assert settings.public_url == values["DIALER_PUBLIC_URL"]


def test_every_variable_is_one_the_code_reads_and_all_can_be_set() -> None:
    for service in ("migrate", "web", "worker"):
        assert set(SERVICES[service]["environment"]) == read_variables()
    assert {name for name in image_environment() if name.startswith("DIALER")} <= read_variables()
    asked_of_a_person = {match[1] for match in _VARIABLE.finditer(json.dumps(SERVICES))}
    assert asked_of_a_person <= read_variables() | {"POSTGRES_PASSWORD"}


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if re.search(r"KEY|TOKEN|PASSWORD", name):
                assert _VARIABLE.fullmatch(str(value)), name
    assert "${POSTGRES_PASSWORD" in SERVICES["web"]["environment"]["DATABASE_URL"]


def test_the_database_is_the_service_of_that_name() -> None:
    url = urlsplit(environment("web", LIVE)["DATABASE_URL"])
    given = environment("postgres", LIVE)
    assert url.hostname == "postgres" in SERVICES
    assert url.username == given["POSTGRES_USER"] and url.password == given["POSTGRES_PASSWORD"]
    assert url.path == f"/{given['POSTGRES_DB']}"


def test_postgres_keeps_its_data_where_its_image_does() -> None:
    """From 18 on the image declares the folder above PGDATA."""
    name, major = SERVICES["postgres"]["image"].split(":")
    assert (name, major) == ("postgres", "18")
    volume, path = SERVICES["postgres"]["volumes"][0].split(":")
    assert path == "/var/lib/postgresql" and volume in COMPOSE["volumes"]
    assert SERVICES["postgres"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]


def waits(service: str) -> dict[str, str]:
    needed = SERVICES[service].get("depends_on", {})
    return {name: how["condition"] for name, how in needed.items()}


def test_nothing_runs_before_the_schema_is_there() -> None:
    assert waits("migrate") == {"postgres": "service_healthy"}
    for service in ("web", "worker"):
        assert waits(service)["migrate"] == "service_completed_successfully"
    assert waits("worker")["web"] == "service_healthy"
    assert SERVICES["worker"]["depends_on"]["twin"]["required"] is False
    assert SERVICES["migrate"]["restart"] == "no"


def test_what_is_waited_for_can_become_healthy() -> None:
    for service in OURS:
        for name, condition in waits(service).items():
            checked = "test" in SERVICES[name].get("healthcheck", {})
            assert checked == (condition == "service_healthy"), name


def asked(check: str) -> Any:
    (url,) = re.findall(r"https?://[^\"']+", check)
    return urlsplit(url)


def test_health_is_asked_where_it_is_answered() -> None:
    paths = {path for route in health.ROUTES for path in route.paths}
    port = read_settings(environment("web", LIVE)).port
    of_the_image = dockerfile("HEALTHCHECK")[0]
    for check in (json.dumps(SERVICES["web"]["healthcheck"]["test"][-1]), of_the_image):
        url = asked(check.replace("\\", ""))
        assert url.path == "/health/ready" in paths
        assert (url.hostname, url.port) == ("127.0.0.1", port)


def test_the_twins_health_is_asked_where_it_is_answered() -> None:
    url = asked(SERVICES["twin"]["healthcheck"]["test"][-1])
    bind = twin_main.parser().parse_args([SERVICES["twin"]["command"][2]]).bind
    assert (url.hostname, url.port) == ("127.0.0.1", bind[1])
    nothing = cast(Any, None)  # the routes' paths need no exchange
    routes = AdminRoutes(nothing, nothing).routes()
    assert url.path in [f"/twin{route.path}" for route in routes]


def test_a_check_is_python_that_compiles() -> None:
    """The slim image has no curl."""
    for service in ("web", "twin"):
        cmd, python, flag, code = SERVICES[service]["healthcheck"]["test"]
        assert (cmd, python, flag) == ("CMD", "python", "-c")
        compile(code, service, "exec")
    words = json.loads(dockerfile("HEALTHCHECK")[0].partition("CMD ")[2])
    assert words[:2] == ["python", "-c"]
    compile(words[2], "Dockerfile", "exec")


def test_ports_are_published_on_loopback_only_and_are_the_ones_we_listen_on() -> None:
    published = {name: each.get("ports", []) for name, each in SERVICES.items()}
    port = read_settings(environment("web", LIVE)).port
    assert published.pop("web") == [f"127.0.0.1:{port}:{port}"]
    assert published.pop("twin") == ["127.0.0.1:8900:8900"]
    assert not any(published.values())
    assert dockerfile("EXPOSE") == [str(port)]


@pytest.mark.parametrize("service", sorted(OURS))
def test_a_container_may_do_as_little_as_it_needs(service: str) -> None:
    container = SERVICES[service]
    assert container["cap_drop"] == ["ALL"] and container["read_only"] is True
    data_dir = image_environment()["DIALER_DATA_DIR"]
    assert container["volumes"] == [f"data:{data_dir}"] and "data" in COMPOSE["volumes"]
    assert container["image"] == f"dialer:{PROJECT['project']['version']}"


def test_live_calls_get_their_time_to_end() -> None:
    seconds = int(SERVICES["web"]["stop_grace_period"].removesuffix("s"))
    assert seconds >= DRAIN_LIMIT_S + 15


def test_the_compose_file_says_that_it_was_not_run() -> None:
    head = (ROOT / "docker-compose.yml").read_text("utf-8").split("\nname:")[0]
    assert "Not run: no container engine" in head


def test_the_image_runs_as_nobody_in_particular() -> None:
    words = [word for word, _ in instructions()]
    (user,) = dockerfile("USER")
    assert user.isdigit() and int(user) > 0
    assert words.index("USER") < words.index("CMD") and "ADD" not in words


def test_the_image_is_a_python_we_support() -> None:
    images = {image.split()[0] for image in dockerfile("FROM")}
    assert images == {"python:3.13-slim"}
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_the_locked_packages_are_a_layer_of_their_own() -> None:
    done = [f"{word} {rest}" for word, rest in instructions()]
    locked = next(i for i, step in enumerate(done) if "--require-hashes" in step)
    copied = [i for i, step in enumerate(done) if step.startswith("COPY") and "--from" not in step]
    assert done[copied[0]].split()[1] == "requirements.lock" and copied[0] < locked < copied[1]
    assert all("--no-deps" in step for step in done[locked + 1 :] if "pip install" in step)


def build_inputs() -> Iterator[str]:
    for rest in dockerfile("COPY"):
        if not rest.startswith("--from"):
            yield from rest.split()[:-1]


def test_everything_the_wheel_is_made_of_gets_into_the_image() -> None:
    copied = set(build_inputs())
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], "pyproject.toml"}
    needed |= {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]}
    assert needed <= copied
    assert all((ROOT / each).exists() for each in copied)


def is_ignored(name: str) -> bool:
    """The last rule that matches decides, as for the engine."""
    ignored = False
    for rule in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if rule and not rule.startswith("#") and fnmatch.fnmatch(name, rule.lstrip("!")):
            ignored = not rule.startswith("!")
    return ignored


def test_the_build_gets_its_inputs_and_nothing_else() -> None:
    assert not [name for name in build_inputs() if is_ignored(name)]
    for name in (".git", ".venv", ".env", ".dialer", "tests", "notes.txt"):
        assert is_ignored(name)


def test_the_image_alone_runs_everything() -> None:
    program, *words = json.loads(dockerfile("CMD")[0])
    assert program in PROJECT["project"]["scripts"]
    assert parser().parse_args(words).command == "up"
    assert read_settings(image_environment()).uses_twin
