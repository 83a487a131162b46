"""Threads of warnings, and what of them is pushed: the rules of `forecasters.alert_rules` over what is stored.

1. `raise_alerts` runs after forecasting: it opens, continues and closes the threads of a project, and decides once on
   every piece of news. Running it again, or twice at once, adds nothing: the keys of the tables hold that.
2. Whoever delivers asks `alerts_to_deliver`, and takes each with `claim_delivery`, which succeeds once.
3. People dismiss a thread with a reason, and mute a type in a project; the third dismissal of a type for the same
   reason proposes that. What is muted is still forecast and scored.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from predictions.domain.probation import types_on_probation
from predictions.enums import AlertState, DismissalReason, MuteState, PredictionType, PushDecision, PushReason
from predictions.forecasters.alert_rules import (
    EARLY_ENOUGH,
    WEEK,
    PushChoice,
    PushPolicy,
    Standing,
    choose,
    closing_of,
    gravest_first,
    newest_by_subject,
    news_reason,
    proposes_mute,
)
from predictions.models import Alert, AlertDecision, AlertMute, Prediction
from predictions.models.alert_decision import PUSHES
from projects.models import Project
from tenants.domain.auditing import record_bulk
from tenants.domain.recorded_edits import recorded_change
from tenants.domain.refusals import Refusal
from tenants.isolation.context import require_tenant_id
from tenants.models import Tenant, User

PUSHES_LOOKED_BACK = timedelta(days=14)
"""A week of the organisation and seven days before any of its moments."""
STANDING_COLUMNS = (
    "pk", "episode_id", "type", "event__subject", "probability", "impact", "is_alert", "is_late", "as_of",
    "predicted_for",
)  # fmt: skip
STANDING = (MuteState.PROPOSED, MuteState.ACTIVE)
ALERT_CHANGES = ("episode_id", "prediction", "impact", "state", "closed_at", "closing", "updated_at")


class AlertRefused(Refusal):
    """Something that the state of a thread or of a mute does not allow."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """What one run changed. by_decision: news decided now"""

    opened: int = 0
    closed: int = 0
    by_decision: Counter[str] = field(default_factory=Counter)
    proposed: tuple[AlertMute, ...] = ()


def raise_alerts(*, project: Project, at: datetime) -> Alerting:
    """Bring the threads of a project up to what is predicted now, and decide on their news. Idempotent."""
    standings = newest_by_subject(_standings(project, at))
    live = list(_live(project).select_for_update(of=("self",)).order_by("id"))
    closed = _close(live, standings, at=at)
    opened = _open(project, live, standings, at=at)
    threads = list(_live(project)) if opened else [alert for alert in live if alert.closed_at is None]
    news = _news(threads, standings)
    decided = _decide(project, news, at=at) if news else Counter()
    proposed = propose_mutes(project=project, at=at)
    if opened or closed:
        record_bulk(model=Alert, counts={"opened": opened, "closed": closed})
    if decided:
        record_bulk(model=AlertDecision, counts={"created": sum(decided.values())})
    return Alerting(opened, closed, decided, proposed)


# --- for whoever delivers ---


def alerts_to_deliver(at: datetime) -> QuerySet[AlertDecision]:
    """The pushes of the current tenant that are due, oldest first; not of threads that ended or were silenced since.

    After a week a push is left to the digest: whoever begins to deliver is not told of all that was ever due.
    """
    due = AlertDecision.objects.filter(
        decision__in=PUSHES,
        delivered_at__isnull=True,
        deliver_at__lte=at,
        deliver_at__gt=at - WEEK,
        **_still_wanted(at),
    )
    return due.exclude(_is_muted("alert__type")).select_related("alert", "prediction", "project").order_by("id")


def alerts_for_digest(at: datetime, *, since: datetime | None = None) -> QuerySet[AlertDecision]:
    """What the next digest of the current tenant holds: live threads that were not pushed and not yet in a digest.

    A push that nobody took for a week is as good as none, and stands here too.
    since: of several digests each holds what came to be since then, whether another one held it before or not
    """
    never_taken = Q(delivered_at__isnull=True) | Q(delivered_at__gt=F("deliver_at") + WEEK)
    is_lost = never_taken & Q(decision__in=PUSHES, deliver_at__lte=at - WEEK)
    is_left = Q(decision=PushDecision.DIGEST)
    if since is None:
        asked = (is_left | is_lost) & Q(delivered_at__isnull=True)
    else:
        asked = is_left & Q(decided_at__gte=since) | is_lost & Q(deliver_at__gte=since - WEEK)
    left = AlertDecision.objects.filter(asked, **_still_wanted(at))
    return left.exclude(_is_muted("alert__type")).select_related("alert", "prediction", "project").order_by("id")


def claim_delivery(decision: AlertDecision, *, at: datetime) -> bool:
    """Take one of them for delivery. False where another worker took it first: then it is not to be sent."""
    free = AlertDecision.objects.filter(pk=decision.pk, delivered_at__isnull=True)
    return free.update(delivered_at=at) == 1


def _still_wanted(at: datetime) -> dict[str, Any]:
    return {"alert__state": AlertState.OPEN, "prediction__predicted_for__gt": at}


def _is_muted(type_path: str) -> Exists:
    active = AlertMute.objects.filter(state=MuteState.ACTIVE, project=OuterRef("project"), type=OuterRef(type_path))
    return Exists(active)


# --- threads ---


def _standings(project: Project, at: datetime) -> Iterable[Standing]:
    """The newest forecast of every event that is not decided and not over."""
    open_claims = Prediction.objects.filter(
        project=project, is_retrospective=False, outcomes__isnull=True, issued_at__lte=at, predicted_for__gt=at
    )
    newest: Any = open_claims.order_by("event_key", "-as_of", "-id").distinct("event_key").values(*STANDING_COLUMNS)
    for row in newest:
        yield Standing(
            subject_key=subject_key(row["type"], row["event__subject"]),
            prediction_id=row["pk"],
            **{name: row[name] for name in STANDING_COLUMNS if name not in ("pk", "event__subject")},
        )


def subject_key(prediction_type: str, subject: dict[str, Any] | None) -> str:
    """Names what a thread is about: 64 hex digits.  subject: of the event, None for the project itself"""
    found = subject or {}
    named = [str(prediction_type), str(found.get("type", "project")), str(found.get("id", ""))]
    if named[1] == "project":
        named[2] = ""  # some events name the project, others do not
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


def _live(project: Project) -> QuerySet[Alert]:
    return Alert.objects.filter(project=project, closed_at__isnull=True)


def _close(live: list[Alert], standings: dict[str, Standing], *, at: datetime) -> int:
    """End threads that cleared, and let the others follow the newest prediction. Returns how many ended."""
    closed, changed = 0, []
    for alert in live:
        standing = standings.get(alert.subject_key)
        closing = closing_of(standing)
        if closing is not None:
            alert.state, alert.closed_at, alert.closing = AlertState.CLOSED, max(at, alert.opened_at), closing
            closed += 1
        elif standing is None or alert.prediction_id == standing.prediction_id:
            continue
        else:
            alert.prediction_id, alert.impact = standing.prediction_id, standing.impact
            alert.episode_id = _episode_for(alert, standing)
        alert.updated_at = at
        changed.append(alert)
    if changed:
        Alert.objects.bulk_update(changed, ALERT_CHANGES, batch_size=500)
    return closed


def _episode_for(alert: Alert, standing: Standing) -> UUID:
    """The newest episode of a thread, unless an older thread bears it already."""
    if alert.episode_id == standing.episode_id:
        return alert.episode_id
    borne = Alert.objects.filter(project=alert.project_id, episode_id=standing.episode_id).exists()
    return alert.episode_id if borne else standing.episode_id


def _open(project: Project, live: list[Alert], standings: dict[str, Standing], *, at: datetime) -> int:
    """Begin a thread for every subject that alarms and has none. Returns how many began."""
    taken = {alert.subject_key for alert in live if alert.closed_at is None}
    wanted = [each for key, each in standings.items() if each.is_alert and key not in taken]
    if not wanted:
        return 0
    reopened = _reopen(project, wanted, at=at)
    alerts = [
        Alert(
            project=project,
            type=each.type,
            subject_key=each.subject_key,
            episode_id=each.episode_id,
            prediction_id=each.prediction_id,
            impact=each.impact,
            is_late=each.is_late or each.predicted_for - at < EARLY_ENOUGH,
            opened_at=at,
        )
        for each in wanted
        if each.episode_id not in reopened
    ]
    Alert.objects.bulk_create(alerts, ignore_conflicts=True, batch_size=500)
    return Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).count() + len(reopened)


def _reopen(project: Project, wanted: list[Standing], *, at: datetime) -> set[UUID]:
    """Take up threads whose claim was over and whose episode goes on in the next claim. Returns their episodes."""
    goes_on = {each.episode_id: each for each in wanted}
    ended = Alert.objects.filter(project=project, episode_id__in=list(goes_on), closed_at__isnull=False)
    threads = list(ended.select_for_update(of=("self",)))
    for alert in threads:
        alert.state = AlertState.DISMISSED if alert.dismissed_at else AlertState.OPEN
        alert.closed_at, alert.closing, alert.updated_at = None, "", at
        alert.prediction_id = goes_on[alert.episode_id].prediction_id
        alert.impact = goes_on[alert.episode_id].impact
    Alert.objects.bulk_update(threads, ALERT_CHANGES, batch_size=500)
    return {alert.episode_id for alert in threads}


# --- decisions ---


@dataclass(frozen=True, slots=True)
class _News:
    alert_id: UUID
    standing: Standing
    reason: PushReason
    is_late: bool


def _news(live: list[Alert], standings: dict[str, Standing]) -> dict[UUID, _News]:
    """What live, undismissed threads have to tell, by prediction, the gravest first."""
    threads = [alert for alert in live if alert.state == AlertState.OPEN]
    if not threads:
        return {}
    told: dict[UUID, list[str]] = defaultdict(list)
    for alert_id, impact in AlertDecision.objects.filter(alert__in=threads).values_list("alert_id", "impact"):
        told[alert_id].append(impact)
    found = {}
    for alert in threads:
        standing = standings.get(alert.subject_key)
        if standing is None or not standing.is_alert:
            continue
        reason = news_reason(standing.impact, told[alert.pk])
        if reason is not None:
            found[standing.prediction_id] = _News(alert.pk, standing, reason, alert.is_late)
    return {each.prediction_id: found[each.prediction_id] for each in gravest_first(n.standing for n in found.values())}


def _decide(project: Project, news: dict[UUID, _News], *, at: datetime) -> Counter[str]:
    """Decide on news one by one, each knowing the pushes before it; a place lost to another run is tried anew."""
    policy = push_policy(Tenant.objects.get(pk=require_tenant_id()))
    mutes = AlertMute.objects.filter(project=project, state=MuteState.ACTIVE)
    muted = set(mutes.values_list("type", flat=True))
    on_probation = types_on_probation(at)
    pushes = _pushes(project, at)
    decided: Counter[str] = Counter()
    unpushed: list[AlertDecision] = []
    for each in news.values():
        choice = _choice(each, at=at, policy=policy, pushes=pushes, muted=muted, on_probation=on_probation)
        if choice.deliver_at is not None and not _keep([_decision(project, each, choice, at=at)]):
            # Another run took the place, or decided: look again at what is committed now.
            pushes = _pushes(project, at)
            choice = _choice(each, at=at, policy=policy, pushes=pushes, muted=muted, on_probation=on_probation)
            if choice.deliver_at is not None and not _keep([_decision(project, each, choice, at=at)]):
                continue  # it decided this very news
        if choice.deliver_at is None:
            unpushed.append(_decision(project, each, choice, at=at))
        else:
            decided[str(choice.decision)] += 1
            pushes.append(choice.deliver_at)
    return decided + Counter(str(row.decision) for row in _keep(unpushed))


def _choice(
    news: _News,
    *,
    at: datetime,
    policy: PushPolicy,
    pushes: Sequence[datetime],
    muted: set[str],
    on_probation: frozenset[str],
) -> PushChoice:
    return choose(
        news.standing,
        news.reason,
        at=at,
        policy=policy,
        pushes=pushes,
        is_muted=news.standing.type in muted,
        is_late=news.is_late,
        is_on_probation=news.standing.type in on_probation,
    )


def _decision(project: Project, news: _News, choice: PushChoice, *, at: datetime) -> AlertDecision:
    return AlertDecision(
        project=project,
        alert_id=news.alert_id,
        prediction_id=news.standing.prediction_id,
        impact=news.standing.impact,
        decision=choice.decision,
        reason=choice.reason,
        decided_at=at,
        deliver_at=choice.deliver_at,
        week_start=choice.week_start,
        week_slot=choice.week_slot,
    )


def _keep(rows: list[AlertDecision]) -> list[AlertDecision]:
    """Store decisions. Returns those that no other run was first with."""
    if not rows:
        return []
    AlertDecision.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    stored = set(AlertDecision.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    return [row for row in rows if row.pk in stored]


def _pushes(project: Project, at: datetime) -> list[datetime]:
    recent: Any = AlertDecision.objects.filter(
        project=project, decision__in=PUSHES, deliver_at__gte=at - PUSHES_LOOKED_BACK
    )
    return list(recent.values_list("deliver_at", flat=True))


def push_policy(tenant: Tenant) -> PushPolicy:
    """When an organisation may be disturbed."""
    return PushPolicy(tenant.time_zone, tenant.quiet_from, tenant.quiet_until)


# --- what people do ---


def dismiss_alert(*, alert: Alert, reason: DismissalReason, note: str, by: User, at: datetime) -> Alert:
    """Say that nobody wants to hear of a thread any more; its event is still followed and scored.

    Raises AlertRefused when it is dismissed or closed already, or when another reason than those named is not told.
    """
    locked: Alert = Alert.objects.select_for_update(of=("self",)).get(pk=alert.pk)
    if locked.state != AlertState.OPEN:
        raise AlertRefused(f"This thread is {locked.get_state_display().lower()} already.", field="reason")
    if reason == DismissalReason.OTHER and not note.strip():
        raise AlertRefused("Say what it is: “something else” teaches nobody.", field="note")
    locked.state, locked.dismissed_at, locked.dismissed_by_id = AlertState.DISMISSED, max(at, locked.opened_at), by.pk
    locked.dismissal_reason, locked.dismissal_note = reason, note.strip()
    with recorded_change(locked):
        locked.save()
    propose_mutes(project=locked.project, at=at)
    alert.refresh_from_db()
    return alert


def propose_mutes(*, project: Project, at: datetime) -> tuple[AlertMute, ...]:
    """Propose to mute what was dismissed three times for the same reason since the last decision about it."""
    dismissed: Any = Alert.objects.filter(project=project, dismissed_at__isnull=False)
    dismissals = list(dismissed.values_list("type", "dismissal_reason", "dismissed_at"))
    if not proposes_mute(len(dismissals)):
        return ()
    mutes: Any = AlertMute.objects.filter(project=project)
    standing: set[str] = set()
    since: dict[str, datetime] = {}
    for kind, state, decided_at in mutes.values_list("type", "state", "decided_at"):
        if state in STANDING:
            standing.add(kind)
        if decided_at is not None:
            since[kind] = max(since.get(kind, decided_at), decided_at)
    counts: Counter[tuple[str, str]] = Counter(
        (kind, reason)
        for kind, reason, dismissed_at in dismissals
        if kind not in standing and (kind not in since or dismissed_at > since[kind])
    )
    proposed: dict[str, AlertMute] = {}
    for (kind, reason), times in counts.most_common():
        if proposes_mute(times) and kind not in proposed:
            proposed[kind] = AlertMute(project=project, type=kind, reason=reason, proposed_at=at)
    if not proposed:
        return ()
    AlertMute.objects.bulk_create(proposed.values(), ignore_conflicts=True)
    stored = AlertMute.objects.in_bulk([mute.pk for mute in proposed.values()])
    if stored:
        record_bulk(model=AlertMute, counts={"created": len(stored)})
    return tuple(mute for mute in proposed.values() if mute.pk in stored)


def mute_type(
    *, project: Project, type: PredictionType, reason: DismissalReason, note: str, by: User, at: datetime
) -> AlertMute:
    """Silence a type in a project without a proposal. Raises IntegrityError where one stands."""
    mute: AlertMute = AlertMute.objects.create(
        project=project,
        type=type,
        reason=reason,
        note=note.strip(),
        state=MuteState.ACTIVE,
        decided_at=at,
        decided_by_id=by.pk,
    )
    return mute


MUTE_MOVES: dict[MuteState, MuteState] = {
    MuteState.ACTIVE: MuteState.PROPOSED,
    MuteState.DECLINED: MuteState.PROPOSED,
    MuteState.LIFTED: MuteState.ACTIVE,
}
"""What a person may make of a mute, and which state that starts from."""


def decide_mute(*, mute: AlertMute, state: MuteState, note: str, by: User, at: datetime) -> AlertMute:
    """Accept or decline a proposal, or lift a mute. Raises AlertRefused when its state does not allow it."""
    locked: AlertMute = AlertMute.objects.select_for_update(of=("self",)).get(pk=mute.pk)
    source = MUTE_MOVES.get(state)
    if source is None or locked.state != source:
        raise AlertRefused(
            f"“{state.label}” does not follow “{locked.get_state_display()}”.",
            field="state",
        )
    locked.state, locked.decided_at, locked.decided_by_id = state, at, by.pk
    if note.strip():
        locked.note = note.strip()
    locked.save()
    mute.refresh_from_db()
    return mute
