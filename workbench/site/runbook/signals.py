"""What each figure that an alert may be about means, and what to do when it fires, for people on duty."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALWAYS", "GUIDES", "Guide", "guide"]


@dataclass(frozen=True)
class Guide:
    """Two texts on a signal; ``{}`` stands for the name behind the signal's last dot."""

    means: str
    do: str


_SOURCE = (
    "Look on the monitor's page at which features, and since when. If a source has changed or broken, tell "
    "its owner; if the world has changed, labels decide: retrain when performance falls."
)
_LABELS = "Make sure first that the ground truth is right and complete. "
_RETRAIN = "If it began with a promotion, roll back; else see below how it is retrained."

#: By signal, as :data:`~workbench.config.alerts.SIGNALS` has them.
GUIDES = {
    "drift.share": Guide("Many of the features are spread otherwise than when it learnt.", _SOURCE),
    "drift.prediction": Guide(
        "Its scores are spread otherwise than when it was validated.",
        "Look at the features' drift in the same window: it says why. With none, look whether the version "
        "or its helpers have changed (workbench ledger); roll back if so.",
    ),
    "drift.feature.": Guide("The feature {} is spread otherwise than when it learnt.", _SOURCE),
    "drift.missing.": Guide(
        "More values of the feature {} are missing than when it learnt.",
        "Whoever sends it, or the source that it comes from, has stopped: tell them. The model goes on "
        "without it.",
    ),
    "performance.drop": Guide(
        "By the truth that has come in it is surely worse than when it was validated.", _LABELS + _RETRAIN
    ),
    "performance.slice.": Guide(
        "By the truth that has come in it has lost ground in the part {}.",
        _LABELS + "Look at what has changed for this part alone. " + _RETRAIN,
    ),
    "performance.group.": Guide(
        "By the truth that has come in it has lost ground for the users {}.",
        _LABELS + "Look at what has changed for these users alone. " + _RETRAIN,
    ),
    "performance.": Guide("The metric {} of its answers is out of bounds.", _LABELS + _RETRAIN),
    "fairness.": Guide(
        "Groups are treated more unequally than they may be ({}).",
        "Tell the owner, who decides whether it may go on answering; roll back if it began with a promotion.",
    ),
    "calibration.error": Guide(
        "Its probabilities no longer mean what they say.",
        "Whoever uses the score as a probability has to know. " + _RETRAIN,
    ),
    "utility.value": Guide(
        "What its answers were worth, by the values in [gates.utility], is out of bounds.",
        "Tell the owner: not answering may be worth more. " + _RETRAIN,
    ),
    "labels.coverage": Guide(
        "Less of the truth has come in than it should by now: nobody can tell how well it does.",
        "Find out what brings the ground truth (workbench truth, POST /truth), and start it again.",
    ),
    "labels.delay_hours": Guide(
        "The truth takes longer to come in than usual.",
        "Find out what brings the ground truth (workbench truth, POST /truth), and what holds it up.",
    ),
    "skew.share": Guide(
        "The server computes features otherwise than training does, from the same rows.",
        "Answers are wrong without an error: roll back if it began with a promotion, and tell whoever "
        "changed the helpers or the memory tables.",
    ),
    "skew.feature.": Guide(
        "The server computes the feature {} otherwise than training does, from the same rows.",
        "Answers are wrong without an error: roll back if it began with a promotion, and tell whoever "
        "changed this feature or the table that it is looked up in.",
    ),
    "trend.climbing": Guide(
        "Features are on their way to drifting, window by window; they have not yet.",
        "Nothing is broken. Plan to retrain before the line is reached.",
    ),
    "trend.feature.": Guide(
        "The feature {} is on its way to drifting, window by window.",
        "Nothing is broken. Plan to retrain before the line is reached.",
    ),
    "health.rows": Guide(
        "It was asked nothing when it usually is, clocks are wrong, or its volume is out of bounds.",
        "Ask whether it answers (GET /health), and whoever calls it whether they still do.",
    ),
    "health.failed_share": Guide(
        "Questions that it should have answered failed.",
        "See GET /health and what the server wrote to standard error. Roll back if it began with a "
        "promotion; otherwise start it again, and look whether the memory tables can be read.",
    ),
    "health.p50_ms": Guide(
        "Half of the answers take longer than they may.",
        "Look at the volume and at what else the machine does; more workers: workbench serve --workers N.",
    ),
    "health.p99_ms": Guide(
        "The slowest answers take longer than they may.",
        "Look at the volume and at what else the machine does; more workers: workbench serve --workers N.",
    ),
    "opinions.rating": Guide(
        "Users think less of its answers than they should.", "Read what they say: workbench feedback."
    ),
    "opinions.count": Guide(
        "How often users say something is out of bounds.", "Read it: workbench feedback."
    ),
    "shadow.delta": Guide(
        "A version in the shadow fares otherwise than the champion, on what both answered.",
        "Nobody gets its answers. Tell the owner: workbench models delta shows where they differ.",
    ),
    "shadow.disagreement": Guide(
        "A version in the shadow answers otherwise than the champion.",
        "Nobody gets its answers. Tell the owner: workbench models delta shows where they differ.",
    ),
}

#: Alerts that no rule declares, by name; critical all of them.
ALWAYS = {
    "not-served": Guide(
        "The server does not put the champion of the ledger in front (it does not load, answers its recorded "
        "cases otherwise, or needs helpers that the server has not imported): the version before answers.",
        "See GET /health for which of these. After a change of the helpers have it replace its workers "
        "(SIGHUP to workbench serve); else roll back.",
    ),
    "rolled-back": Guide(
        "A guard of the baking period was violated: the champion before answers again.",
        "Nobody has to act at once. Tell whoever promoted it; workbench ledger says when and why.",
    ),
    "not-rolled-back": Guide(
        "A guard of the baking period was violated, and the way back is not open: the bad champion answers.",
        "Act at once: promote a version that loads and answers (workbench models), or stop the server.",
    ),
}


def guide(signal: str) -> Guide:
    """The guide to a signal, as a rule names it: ``drift.share``, ``drift.feature.age``, ``drift.*``."""
    if signal in GUIDES:
        return GUIDES[signal]
    begins = max(
        (known for known in GUIDES if known.endswith(".") and signal.startswith(known)), key=len, default=""
    )
    if not begins:  # a star in front of the first dot's name
        return Guide(
            f"One of the figures {signal} is bad.", "See workbench monitor for which, and below for it."
        )
    name = signal.removeprefix(begins)
    found = GUIDES[begins]
    return Guide(found.means.replace("{}", "NAME" if name == "*" else name), found.do)
