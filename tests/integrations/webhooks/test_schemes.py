"""Every scheme: what is good, tampered with, old, unsigned, of somebody else, and what is no message at all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.connectors.registry import hinting_types, known_types, scheme_of
from integrations.connectors.webhooks import (
    MOST_HINTS,
    Accepted,
    Greeting,
    Hint,
    Keys,
    RefusalReason,
    SecretOrigin,
    Sent,
    ToolNotice,
    WebhookRefused,
)
from tests.integrations.webhooks.signing import (
    BODY_PROVED,
    SIGNERS,
    TIMED,
    TOOL_OF,
    Signed,
    gitlab_signed,
    jwt_of,
    keys_of,
    secret_for,
)

NOW = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)  # the night in which Europe's clocks change
TS = int(NOW.timestamp())
URL = "https://stratibreak.example/hooks/sbh_one/"
each_scheme = pytest.mark.parametrize("name", sorted(SIGNERS))


def receive(name: str, signed: Signed | Sent, *, keys: Keys | None = None, now: datetime = NOW) -> Any:
    sent = signed if isinstance(signed, Sent) else signed.sent()
    return scheme_of(TOOL_OF[name]).receive(sent, keys or keys_of(name), now)


def refusal(name: str, signed: Signed | Sent, *, keys: Keys | None = None, now: datetime = NOW) -> RefusalReason:
    with pytest.raises(WebhookRefused) as refused:
        receive(name, signed, keys=keys, now=now)
    return refused.value.reason


def sign(name: str, ts: int = TS, payload: Any = None, *, seed: str = "", url: str = URL) -> Signed:
    return SIGNERS[name](secret_for(name, seed), url, ts, payload)


def test_every_tool_has_a_scheme() -> None:
    assert hinting_types() == known_types()
    assert {TOOL_OF[name] for name in SIGNERS} == set(known_types())


@pytest.mark.parametrize("tool", hinting_types())
def test_setup_is_told_in_a_few_sentences(tool: str) -> None:
    scheme = scheme_of(tool)

    assert 2 <= len(scheme.setup) <= 4
    assert all(step.endswith(".") for step in scheme.setup)
    assert scheme.scheme
    assert scheme.proof_label


# --- good ---


@each_scheme
def test_good_message_is_taken_and_hints(name: str) -> None:
    taken = receive(name, sign(name))

    assert isinstance(taken, Accepted)
    assert len(taken.key) == 64
    assert len(taken.hints) == 1
    assert taken.hints[0].is_deletion is False


@each_scheme
def test_repetition_has_the_same_key_and_another_message_another(name: str) -> None:
    first, again, other = (receive(name, sign(name, ts)).key for ts in (TS, TS, TS + 1))

    assert first == again != other


@each_scheme
def test_any_of_several_secrets_will_do(name: str) -> None:
    keys = Keys((secret_for(name, "other"), secret_for(name)))

    assert isinstance(receive(name, sign(name), keys=keys), Accepted)


def test_header_that_nobody_signs_makes_no_new_message_of_an_old_one() -> None:
    first = sign("GITHUB")
    renamed = replace(first, headers={**first.headers, "X-GitHub-Delivery": "another", "X-GitHub-Event": "push"})

    assert receive("GITHUB", renamed).key == receive("GITHUB", first).key


def test_retry_of_slack_is_known_although_it_is_signed_anew() -> None:
    payload = {"type": "event_callback", "event_id": "Ev1", "event": {"channel": "C1"}}

    assert receive("SLACK", sign("SLACK", TS, payload)).key == receive("SLACK", sign("SLACK", TS + 60, payload)).key


# --- refused ---


@pytest.mark.parametrize("name", BODY_PROVED)
def test_changed_body_is_refused(name: str) -> None:
    assert refusal(name, sign(name).tampered()) == RefusalReason.BAD_SIGNATURE


@each_scheme
def test_secret_of_somebody_else_is_refused(name: str) -> None:
    assert refusal(name, sign(name, seed="theirs")) == RefusalReason.BAD_SIGNATURE


@pytest.mark.parametrize("name", ["TRELLO", "MONDAY"])
def test_message_for_another_address_is_refused(name: str) -> None:
    elsewhere = sign(name).sent(at_address="https://stratibreak.example/hooks/sbh_two/")

    assert refusal(name, elsewhere) in (RefusalReason.BAD_SIGNATURE, RefusalReason.WRONG_ADDRESS)


@each_scheme
def test_message_without_its_proof_is_refused(name: str) -> None:
    bare = replace(sign(name), headers={}, body=b"{}")
    if TOOL_OF[name] == "TEAMS":
        bare = replace(bare, body=b'{"value": []}')

    assert refusal(name, bare) == RefusalReason.UNSIGNED


@each_scheme
def test_nothing_is_taken_before_there_is_a_secret(name: str) -> None:
    assert refusal(name, sign(name), keys=Keys()) == RefusalReason.NOTHING_ENTERED


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("minutes", [-6, 6])
def test_moment_more_than_five_minutes_away_is_refused(name: str, minutes: int) -> None:
    assert refusal(name, sign(name, TS + minutes * 60)) == RefusalReason.TOO_OLD


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("seconds", [-299, 299])
def test_moment_within_five_minutes_is_taken(name: str, seconds: int) -> None:
    assert isinstance(receive(name, sign(name, TS + seconds)), Accepted)


@pytest.mark.parametrize("timestamp", ["", "soon", "1e9", "-1", "٣", "9" * 13])
def test_moment_that_is_no_number_is_refused(timestamp: str) -> None:
    signed = sign("SLACK")
    headers = {**signed.headers, "X-Slack-Request-Timestamp": timestamp}

    assert refusal("SLACK", replace(signed, headers=headers)) in (
        RefusalReason.UNSIGNED,
        RefusalReason.BAD_SIGNATURE,
    )


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("GITHUB", {"X-Hub-Signature": "sha1=00"}),
        ("JIRA", {"X-Hub-Signature": "sha1=00"}),
        ("SLACK", {"X-Slack-Signature": "v1=00", "X-Slack-Request-Timestamp": str(TS)}),
        ("GITLAB_SIGNED", {"webhook-id": "a", "webhook-timestamp": str(TS), "webhook-signature": "v1a,AAAA"}),
    ],
)
def test_scheme_that_is_not_ours_is_refused(name: str, headers: dict[str, str]) -> None:
    assert refusal(name, replace(sign(name), headers=headers)) == RefusalReason.UNKNOWN_SCHEME


# --- GitLab's two schemes ---


def test_signing_token_takes_nothing_that_only_shows_a_token() -> None:
    shown = replace(sign("GITLAB"), headers={"X-Gitlab-Token": secret_for("GITLAB_SIGNED")})

    assert refusal("GITLAB_SIGNED", shown) == RefusalReason.UNSIGNED


def test_signature_that_is_there_must_pass_although_the_token_is_right() -> None:
    signed = sign("GITLAB_SIGNED", seed="theirs")
    both = replace(signed, headers={**signed.headers, "X-Gitlab-Token": secret_for("GITLAB")})

    assert refusal("GITLAB", both) == RefusalReason.NOTHING_ENTERED
    keys = Keys((secret_for("GITLAB"), secret_for("GITLAB_SIGNED")))
    assert refusal("GITLAB", both, keys=keys) == RefusalReason.BAD_SIGNATURE


def test_one_good_signature_of_several_will_do() -> None:
    good, other = sign("GITLAB_SIGNED"), sign("GITLAB_SIGNED", seed="next")
    both = f"{other.headers['webhook-signature']} v1a,AAAA {good.headers['webhook-signature']}"

    assert isinstance(
        receive("GITLAB_SIGNED", replace(good, headers={**good.headers, "webhook-signature": both})), Accepted
    )


def test_id_of_a_signed_message_cannot_be_changed() -> None:
    signed = sign("GITLAB_SIGNED")

    renamed = replace(signed, headers={**signed.headers, "webhook-id": "msg-0"})

    assert refusal("GITLAB_SIGNED", renamed) == RefusalReason.BAD_SIGNATURE


def test_secret_without_a_key_in_it_proves_nothing() -> None:
    signed = gitlab_signed("whsec_AAAA", URL, TS)

    assert refusal("GITLAB_SIGNED", signed, keys=Keys(("whsec_",))) == RefusalReason.NOTHING_ENTERED


# --- monday's token ---


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": URL, "exp": TS - 1}, RefusalReason.TOO_OLD),
        ({"aud": URL}, RefusalReason.MALFORMED),
        ({"aud": URL, "exp": "later"}, RefusalReason.MALFORMED),
        ({"aud": URL, "exp": True}, RefusalReason.MALFORMED),
        ({"exp": TS + 60}, RefusalReason.WRONG_ADDRESS),
        ({"aud": [1, None], "exp": TS + 60}, RefusalReason.WRONG_ADDRESS),
        ({"aud": URL, "exp": 10**400}, RefusalReason.MALFORMED),
        ([], RefusalReason.MALFORMED),
    ],
)
def test_token_that_says_too_little_is_refused(claims: Any, reason: RefusalReason) -> None:
    token = jwt_of(secret_for("MONDAY"), claims)

    assert refusal("MONDAY", replace(sign("MONDAY"), headers={"Authorization": token})) == reason


@pytest.mark.parametrize("algorithm", ["none", "HS512", "RS256", ""])
def test_token_does_not_choose_its_algorithm(algorithm: str) -> None:
    token = jwt_of(secret_for("MONDAY"), {"aud": URL, "exp": TS + 60}, algorithm=algorithm)

    assert refusal("MONDAY", replace(sign("MONDAY"), headers={"Authorization": token})) == RefusalReason.UNKNOWN_SCHEME


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c.d", "....", "Bearer", "bearer a.b.c", "é.é.é"])
def test_what_is_no_token_is_refused(token: str) -> None:
    headers = {"Authorization": token}

    assert refusal("MONDAY", replace(sign("MONDAY"), headers=headers)) in (
        RefusalReason.MALFORMED,
        RefusalReason.UNKNOWN_SCHEME,
    )


# --- tools that cannot sign ---


@pytest.mark.parametrize("name", ["JIRA", "MONDAY"])
def test_tool_that_cannot_sign_is_taken_where_that_was_said(name: str) -> None:
    bare = replace(sign(name), headers={})

    assert isinstance(receive(name, bare, keys=Keys(takes_unsigned=True)), Accepted)
    assert refusal(name, bare, keys=Keys((secret_for(name),), takes_unsigned=True)) == RefusalReason.UNSIGNED


@pytest.mark.parametrize("name", sorted(set(SIGNERS) - {"JIRA", "MONDAY"}))
def test_tool_that_signs_is_never_taken_unsigned(name: str) -> None:
    assert refusal(name, sign(name), keys=Keys(takes_unsigned=True)) == RefusalReason.NOTHING_ENTERED


# --- greetings ---


def test_asana_is_greeted_with_the_secret_it_sends_while_that_is_expected() -> None:
    sent = Sent(b"", {"x-hook-secret": "0123456789abcdef0123456789abcdef"})

    greeting = receive("ASANA", sent, keys=Keys(takes_handshake=True))

    assert greeting == Greeting(
        headers={"X-Hook-Secret": "0123456789abcdef0123456789abcdef"}, secret="0123456789abcdef0123456789abcdef"
    )
    assert refusal("ASANA", sent, keys=Keys()) == RefusalReason.HANDSHAKE_CLOSED
    known = Keys(("0123456789abcdef0123456789abcdef",))
    assert isinstance(receive("ASANA", sent, keys=known), Greeting)


@pytest.mark.parametrize("secret", ["short", "a b" * 20, "x" * 257, "ö" * 20, "a\r\nSet-Cookie: x=1aaaaaaa"])
def test_handshake_that_brings_no_secret_is_refused(secret: str) -> None:
    sent = Sent(b"", {"x-hook-secret": secret})

    assert refusal("ASANA", sent, keys=Keys(takes_handshake=True)) == RefusalReason.MALFORMED


def test_challenge_of_monday_is_sent_back() -> None:
    greeting = receive("MONDAY", Sent(b'{"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}'))

    assert json.loads(greeting.body) == {"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}
    assert greeting.content_type == "application/json"


def test_verification_of_slack_is_answered_and_must_be_signed_once_there_is_a_secret() -> None:
    payload = {"type": "url_verification", "challenge": "3eZbrw1a", "token": "x"}

    assert receive("SLACK", sign("SLACK", TS, payload)) == Greeting("3eZbrw1a")
    assert receive("SLACK", sign("SLACK", TS, payload), keys=Keys()) == Greeting("3eZbrw1a")
    assert refusal("SLACK", sign("SLACK", TS, payload, seed="theirs")) == RefusalReason.BAD_SIGNATURE


def test_token_of_graph_is_sent_back_as_it_was() -> None:
    token = "Validation: Testing client application reachability for subscription Request-Id: 1"

    assert receive("TEAMS", Sent(b"", query={"validationToken": token})) == Greeting(token)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("MONDAY", Sent(b'{"challenge": "<script>"}')),
        ("MONDAY", Sent(b'{"challenge": 1}')),
        ("TEAMS", Sent(b"", query={"validationToken": ""})),
        ("TEAMS", Sent(b"", query={"validationToken": "a\r\nb"})),
        ("TEAMS", Sent(b"", query={"validationToken": "a" * 3000})),
    ],
)
def test_greeting_that_is_none_is_not_sent_back(name: str, sent: Sent) -> None:
    assert refusal(name, sent) == RefusalReason.MALFORMED


# --- hints ---


@pytest.mark.parametrize(
    ("name", "payload", "hints"),
    [
        ("GITHUB", {"zen": "Keep it logically awesome.", "hook_id": 1}, ()),
        ("GITHUB", {"action": "deleted", "issue": {}, "repository": {"full_name": "a/b"}}, (Hint("a/b", True),)),
        ("GITHUB", {"action": "transferred", "issue": {}, "repository": {"full_name": "a/b"}}, (Hint("a/b", True),)),
        (
            "GITHUB",
            {"action": "deleted", "issue": {}, "comment": {}, "repository": {"full_name": "a/b"}},
            (Hint("a/b"),),
        ),
        ("GITHUB", {"action": ["deleted"], "issue": {}, "repository": {"full_name": "ä\u0000"}}, "error"),
        ("JIRA", {"webhookEvent": "jira:issue_deleted", "issue": {"key": "AB-C-12"}}, (Hint("AB-C", True),)),
        ("JIRA", {"webhookEvent": "sprint_started", "sprint": None}, (Hint(),)),
        ("GITLAB", {"object_kind": "pipeline", "project": None, "project_id": 12}, (Hint("12"),)),
        ("ASANA", {"events": []}, ()),
        (
            "ASANA",
            {
                "events": [
                    {"action": "deleted", "resource": {"resource_type": "task"}, "parent": None},
                    {
                        "action": "removed",
                        "resource": {"resource_type": "task"},
                        "parent": {"gid": "9", "resource_type": "project"},
                    },
                    {
                        "action": "deleted",
                        "resource": {"resource_type": "task"},
                        "parent": {"gid": "8", "resource_type": "project"},
                    },
                    {"action": "deleted", "resource": {"resource_type": "story"}},
                    None,
                ]
            },
            (Hint("", True), Hint("9", True), Hint()),
        ),
        ("TRELLO", {"action": {"type": "deleteCard", "data": {"board": {"id": "b1"}}}}, (Hint("b1", True),)),
        ("TRELLO", {"action": None, "model": {"id": "b2"}}, (Hint("b2"),)),
        ("MONDAY", {"event": {"type": "delete_pulse", "boardId": 5}}, (Hint("5", True),)),
        ("BITRIX24", {"event": "ONTASKDELETE"}, (Hint("", True),)),
        ("SLACK", {"type": "app_rate_limited"}, ()),
        ("SLACK", {"type": "event_callback", "event": {"channel": {"id": 1}}}, (Hint(),)),
    ],
)
def test_what_a_message_hints_at(name: str, payload: Any, hints: Any) -> None:
    if hints == "error":
        hints = (Hint(),)
        payload = {**payload, "action": "edited"}

    assert receive(name, sign(name, TS, payload)).hints == hints


def test_message_about_very_many_places_means_all() -> None:
    events = [
        {
            "action": "removed",
            "resource": {"resource_type": "task"},
            "parent": {"gid": str(n), "resource_type": "project"},
        }
        for n in range(MOST_HINTS + 1)
    ]

    assert receive("ASANA", sign("ASANA", TS, {"events": events})).hints == (Hint("", True),)


def test_json_of_bitrix24_is_read_like_its_form() -> None:
    body = json.dumps({"event": "ONTASKDELETE", "auth": {"application_token": secret_for("BITRIX24")}}).encode()

    assert receive("BITRIX24", Signed(body, {}, URL)).hints == (Hint("", True),)


def test_form_of_github_is_read_like_its_json() -> None:
    body = urlencode({"payload": json.dumps({"action": "deleted", "issue": {}, "repository": {"full_name": "a/b"}})})
    signed = replace(sign("GITHUB"), content_type="application/x-www-form-urlencoded")

    taken = receive("GITHUB", signed.with_body(body.encode(), secret_for("GITHUB"), TS))

    assert taken.hints == (Hint("a/b", True),)


@pytest.mark.parametrize("event", ["subscriptionRemoved", "reauthorizationRequired", "missed"])
def test_graph_says_when_a_subscription_ends(event: str) -> None:
    secret = secret_for("TEAMS")
    notices = {
        "subscriptionRemoved": ToolNotice.SUBSCRIPTION_REMOVED,
        "reauthorizationRequired": ToolNotice.REAUTHORIZATION_REQUIRED,
    }

    taken = receive("TEAMS", sign("TEAMS", TS, {"value": [{"clientState": secret, "lifecycleEvent": event}]}))

    assert (taken.hints, taken.notice) == ((Hint(),), notices.get(event))


def test_one_foreign_notification_among_ours_refuses_them_all() -> None:
    value = [{"clientState": secret_for("TEAMS")}, {"clientState": secret_for("TEAMS", "theirs")}]

    assert refusal("TEAMS", sign("TEAMS", TS, {"value": value})) == RefusalReason.BAD_SIGNATURE


# --- whatever is sent ---

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        "event",
        "events",
        "action",
        "issue",
        "fields",
        "project",
        "key",
        "value",
        "clientState",
        "type",
        "challenge",
        "auth",
        "application_token",
        "repository",
        "full_name",
        "model",
        "id",
        "data",
        "board",
        "webhookEvent",
    ]
)
PAYLOADS = st.recursive(JSONS, lambda inner: st.dictionaries(MEMBERS, inner, max_size=4), max_leaves=10)
BODIES = st.binary(max_size=200) | PAYLOADS.map(lambda value: json.dumps(value).encode())
HEADER_NAMES = st.sampled_from(
    [
        "x-hub-signature-256",
        "x-hub-signature",
        "x-gitlab-token",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-hook-secret",
        "x-hook-signature",
        "x-trello-webhook",
        "authorization",
        "x-slack-signature",
        "x-slack-request-timestamp",
        "content-type",
    ]
)
VALUES = st.text(max_size=40) | st.sampled_from(
    ["sha256=", "v0=00", "v1,AAAA v1,", "a.b.c", "e30.e30.e30", "application/x-www-form-urlencoded"]
)


@pytest.mark.parametrize("tool", hinting_types())
@given(body=BODIES, headers=st.dictionaries(HEADER_NAMES, VALUES, max_size=5), query=VALUES)
@settings(max_examples=60, deadline=None)
def test_no_secret_is_guessed_and_nothing_breaks(tool: str, body: bytes, headers: dict[str, str], query: str) -> None:
    sent = Sent(body, headers, {"validationToken": query} if query.startswith("a") else {}, (URL,))

    try:
        verdict = scheme_of(tool).receive(sent, Keys((secret_for(tool),)), NOW)
    except WebhookRefused:
        return

    assert isinstance(verdict, Greeting)
    assert verdict.secret is None


@pytest.mark.parametrize("name", sorted(SIGNERS))
@given(payload=PAYLOADS)
@settings(max_examples=60, deadline=None)
def test_signed_message_with_anything_in_it_is_read_or_refused(name: str, payload: Any) -> None:
    if name == "TEAMS":
        payload = {"value": [{"clientState": secret_for(name), "resource": payload}]}
    if name == "BITRIX24":
        payload = {"event": json.dumps(payload)}
    signed = sign(name, TS, payload if isinstance(payload, dict) and payload else [payload])

    try:
        verdict = receive(name, signed)
    except WebhookRefused as refused:
        verdict = refused.reason

    assert verdict == RefusalReason.MALFORMED or isinstance(verdict, Accepted | Greeting)


@each_scheme
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000, b"{" + b" " * 10]
)
def test_body_that_is_no_message_is_refused_even_when_signed(name: str, body: bytes) -> None:
    assert refusal(name, sign(name).with_body(body, secret_for(name), TS)) in (
        RefusalReason.MALFORMED,
        RefusalReason.UNSIGNED,  # where the proof stands in the body
    )


@pytest.mark.parametrize("tool", hinting_types())
def test_nothing_secret_is_shown(tool: str) -> None:
    keys, sent = Keys(("the secret",)), Sent(b"the secret", {"x": "the secret"}, {"y": "the secret"}, ("the secret",))

    assert "the secret" not in repr(keys) + repr(sent) + repr(Greeting(secret="the secret"))
    assert scheme_of(tool).secret_origin in SecretOrigin


def test_runs_for_hints_are_further_apart_where_calls_are_counted() -> None:
    gaps = {tool: scheme_of(tool).least_gap for tool in hinting_types()}

    assert gaps == {
        **dict.fromkeys(("ASANA", "BITRIX24", "GITHUB", "GITLAB", "JIRA", "TRELLO"), timedelta(minutes=1)),
        **dict.fromkeys(("SLACK", "TEAMS"), timedelta(minutes=5)),
        "MONDAY": timedelta(minutes=10),
    }
