"""Reading a Plivo XML document: well-formed, known, nested and worded right, or not run at all.

Pure. plivo.md §3: an error anywhere makes the whole document invalid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from dialer.twin.elements import ELEMENTS, SSML, Shape, Text
from dialer.twin.errors import BadDocument

MAX_DOCUMENT_BYTES = 100 * 1024
MAX_SSML_CHARS = 3000
_POLLY = re.compile(r"Polly\.[A-Z][A-Za-z]+")
#: What the two built-in voices speak. hi-IN and en-IN need a Polly voice (plivo.md §3.2, §7).
_PLAIN_LANGUAGES = {
    *("da-DK", "nl-NL", "en-AU", "en-GB", "en-US", "fr-FR", "fr-CA", "de-DE", "it-IT", "pl-PL"),
    *("pt-PT", "pt-BR", "ru-RU", "es-ES", "es-US", "sv-SE"),
}
_UNSUPPORTED = frozenset({"Conference", "MultiPartyCall", "Message"})


@dataclass(frozen=True, slots=True)
class Element:
    """One checked element. ``text`` has its surrounding blanks removed."""

    name: str
    attributes: Mapping[str, str]
    text: str
    children: tuple[Element, ...]

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def flag(self, name: str, default: bool) -> bool:
        return self.attributes[name] == "true" if name in self.attributes else default

    def number(self, name: str, default: float) -> float:
        """A number; ``auto`` and an absent attribute give the default."""
        raw = self.attributes.get(name, "auto")
        return default if raw == "auto" else float(raw)


def read_document(body: bytes, content_type: str, *, strict_type: bool) -> tuple[Element, ...]:
    """The elements of ``<Response>``, or `BadDocument` saying what is wrong."""
    if strict_type and content_type not in ("application/xml", "text/xml"):
        raise BadDocument(f"Content-Type is {content_type}, not application/xml or text/xml")
    if len(body) > MAX_DOCUMENT_BYTES:
        raise BadDocument(f"{len(body)} bytes, more than 100 KB")
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise BadDocument(f"not well-formed: {error}") from error
    if root.tag != "Response":
        raise BadDocument(f"the root is <{root.tag}>, not <Response>")
    if root.attrib:
        raise BadDocument("<Response> takes no attributes")
    return tuple(_read(child, ELEMENTS["Response"].children, "Response") for child in root)


def _read(node: ElementTree.Element, allowed: frozenset[str], parent: str) -> Element:
    name = str(node.tag)
    if name in _UNSUPPORTED:
        raise BadDocument(f"<{name}> is not spoken by this twin")
    if name not in ELEMENTS:
        raise BadDocument(f"unknown element <{name}>")
    if name not in allowed:
        raise BadDocument(f"<{name}> must not stand in <{parent}>")
    shape = ELEMENTS[name]
    _check_attributes(node, shape)
    text = " ".join("".join(node.itertext()).split()) if name == "Speak" else node.text or ""
    text = text.strip()
    if shape.text is Text.REQUIRED and not text:
        raise BadDocument(f"<{name}> is empty")
    if shape.text is Text.NONE and text:
        raise BadDocument(f"<{name}> must not hold text")
    if name == "Speak":
        _check_voice(node, text)
        return Element(name, dict(node.attrib), text, ())
    children = tuple(_read(child, shape.children, name) for child in node)
    if name == "Dial" and not children:
        raise BadDocument("<Dial> has no <Number> or <User>")
    return Element(name, dict(node.attrib), text, children)


def _check_attributes(node: ElementTree.Element, shape: Shape) -> None:
    for key, value in node.attrib.items():
        check = shape.attributes.get(key)
        if check is None:
            raise BadDocument(f"<{node.tag}> has no attribute {key}")
        if not check(value):
            raise BadDocument(f"<{node.tag} {key}={value!r}> is out of range")
    missing = sorted(shape.required - node.attrib.keys())
    if missing:
        raise BadDocument(f"<{node.tag}> lacks {missing[0]}")
    _CROSS_CHECKS.get(str(node.tag), _nothing)(node.attrib)


def _check_voice(node: ElementTree.Element, text: str) -> None:
    voice, language = node.get("voice", "WOMAN"), node.get("language", "en-US")
    is_polly = _POLLY.fullmatch(voice) is not None
    if not is_polly and voice not in ("WOMAN", "MAN"):
        raise BadDocument(f"<Speak voice={voice!r}> is no voice")
    if not is_polly and language not in _PLAIN_LANGUAGES:
        raise BadDocument(f"<Speak voice={voice!r}> does not speak {language}")
    tags = {str(child.tag) for child in node.iter()} - {"Speak"}
    if tags and not is_polly:
        raise BadDocument("SSML needs a Polly voice")
    if tags - SSML:
        raise BadDocument(f"<{min(tags - SSML)}> is not SSML that Plivo speaks")
    if tags and len(text) > MAX_SSML_CHARS:
        raise BadDocument("SSML longer than 3000 characters")


def _check_stream(attributes: Mapping[str, str]) -> None:
    two_way = attributes.get("bidirectional") == "true"
    if two_way and attributes.get("audioTrack", "inbound") != "inbound":
        raise BadDocument("<Stream> with bidirectional takes audioTrack inbound only")
    if len(attributes.get("extraHeaders", "").encode()) > 512:
        raise BadDocument("<Stream extraHeaders> is longer than 512 bytes")


def _nothing(_: Mapping[str, str]) -> None:
    """Most elements have no rule across attributes."""


_CROSS_CHECKS: dict[str, Callable[[Mapping[str, str]], None]] = {"Stream": _check_stream}
