"""The witness of what reached the vendors' doors."""

from __future__ import annotations

from multidict import CIMultiDict, MultiDict

from dialer.twin.vendors import KEPT_REQUESTS, VendorLog


def test_a_secret_is_never_kept_wherever_a_client_puts_it() -> None:
    log = VendorLog()
    headers = CIMultiDict(
        {
            "Authorization": "Token SECRET",
            "X-Api-Key": "SECRET",
            "xi-api-key": "SECRET",
            "Sec-WebSocket-Protocol": "token, SECRET",
            "Cookie": "a=SECRET",
            "Accept": "text/event-stream",
        }
    )
    query = MultiDict([("api_key", "SECRET"), ("access_token", "SECRET"), ("keyterm", "EMI")])
    query.add("keyterm", "UPI")
    log.request("deepgram", "/v1/listen", query, headers)
    [kept] = log.report()["deepgram"]["requests"]
    assert "SECRET" not in str(log.report())
    assert kept["headers"]["authorization"] == "Token [hidden]"
    assert kept["headers"]["accept"] == "text/event-stream"
    assert kept["query"]["keyterm"] == ["EMI", "UPI"]


def test_what_is_open_and_what_was_said_is_counted_by_vendor_and_kind() -> None:
    log = VendorLog()
    log.opened("openai")
    log.opened("openai")
    log.closed("openai")
    log.message("openai", "in", "chat")
    log.message("openai", "out", "content")
    log.message("openai", "out", "content")
    report = log.report()["openai"]
    assert (report["open"], report["opened"]) == (1, 2)
    assert report["counts"] == {"in": {"chat": 1}, "out": {"content": 2}}
    assert report["messages"] == [["in", "chat"], ["out", "content"], ["out", "content"]]
    log.reset()
    report = log.report()["openai"]
    assert (report["open"], report["messages"]) == (1, []), "what is open stays so"
    log.closed("openai")
    assert log.report()["openai"]["open"] == 0


def test_only_the_last_requests_are_kept_and_all_are_counted() -> None:
    log = VendorLog()
    for number in range(KEPT_REQUESTS + 5):
        log.request("openai", f"/{number}", {}, {})
    report = log.report()["openai"]
    assert report["requested"] == KEPT_REQUESTS + 5
    assert len(report["requests"]) == KEPT_REQUESTS and report["requests"][0]["path"] == "/5"
