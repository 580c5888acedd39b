"""How the model is served: who answers, where, to whom, and how to take an answer back."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from workbench.registry.aliases import CANARY, CHALLENGER, is_shadow
from workbench.registry.card.document import Block, Bullets, Cell, Code, Facts, Pill, Section, Table, Text
from workbench.serving.http.questions import SCORING
from workbench.serving.settings import LIVE_LOG
from workbench.site.runbook.facts import RunbookFacts
from workbench.site.runbook.places import address
from workbench.tracking.page import moment

__all__ = ["rolling_back", "running", "served"]

_LOG_FAILS = {
    "refuse": "the question is refused (503): no answer leaves unlogged",
    "spool": "it goes to a spool on this machine, and into the log later; GET /health says so",
    "unlogged": "the answer leaves all the same, unlogged; GET /health says so",
}
_ROLES = {"predict": "asks", "feedback": "asks, brings ground truth and feedback", "admin": "all"}


def served(facts: RunbookFacts) -> Section:
    """Who answers, and by which settings."""
    config = facts.project.config.serving
    model = facts.project.model
    pairs: list[tuple[str, Cell]] = [("champion", _champion(facts)), *_beside(facts)]
    pairs += [
        ("address", _url(facts)),
        ("workers", str(config.workers)),
        ("questions", ", ".join(path.replace("{model}", model.name) for path in SCORING)),
        ("also", "POST /truth, POST /feedback, GET /health, /metrics (Prometheus), /openapi.json"),
        ("prediction log", _log(facts)),
        ("when the log fails", _LOG_FAILS[config.when_log_fails]),
    ]
    if model.memory:
        pairs.append(
            ("looked up", f"{', '.join(model.memory)}: the newest versions of these tables, followed")
        )
    if config.key:
        pairs.append(("outcomes come by", f"prediction id, or {', '.join(config.key)}"))
    if config.personal:
        pairs.append(("personal", f"{', '.join(config.personal)}: pseudonyms in the log"))
    if config.tls is not None:
        pairs.append(("certificate", f"{config.tls.certificate}, key {config.tls.key}"))
    blocks: list[Block] = [Facts(tuple(pairs))]
    if config.keys:
        rows = tuple(
            (name, _ROLES[key.role], key.key.removeprefix("secret:")) for name, key in config.keys.items()
        )
        blocks.append(Table(("API key", "may", "environment variable, or name in the keyring"), rows))
    else:
        blocks.append(Text("No API key is declared: the server starts on this machine's own address only."))
    return Section("How it is served", tuple(blocks))


def _champion(facts: RunbookFacts) -> Cell:
    entry = facts.crowned
    if facts.champion is None or entry is None:
        return "nobody: no version was promoted yet"
    return [Pill(f"v{facts.champion}"), f"since {moment(entry.at)}, by {entry.who}: {entry.reason}"]


def _beside(facts: RunbookFacts) -> Iterator[tuple[str, Cell]]:
    config = facts.project.config.serving
    for alias, version in facts.held.items():
        if alias == CANARY:
            drawn = f"drawn by {config.canary.key}" if config.canary and config.canary.key else "drawn by lot"
            share = f"{config.canary.share:.0%} of the questions, {drawn}" if config.canary else "no question"
            yield "canary", f"v{version} answers {share}"
        elif alias == CHALLENGER or is_shadow(alias):
            share = f"{config.shadow_share:.0%} of" if config.shadow_share < 1 else "all"
            yield alias, f"v{version} is asked {share} the champion is asked; nobody gets its answers"


def _url(facts: RunbookFacts) -> str:
    config = facts.project.config.serving
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http{'s' if config.tls else ''}://{host}:{config.port or 'any free port'}"


def _log(facts: RunbookFacts) -> str:
    config = facts.project.config.serving
    if config.log:
        return f"{address(config.log, facts.project)}; each answer is in it before it leaves"
    return f".workbench/{LIVE_LOG}; each answer is in it before it leaves"


def running(facts: RunbookFacts) -> Section:
    """The commands of an ordinary day."""
    typed = (
        "workbench serve                      # starts it here; Ctrl-C or SIGTERM stops it, all answered\n"
        "kill -HUP PID                        # new configuration, worker by worker; nobody notices\n"
        f"{_ask(facts)} {_url(facts)}/health\n"
        "workbench status                     # champion, alerts, backlog, newest window\n"
        "workbench monitor                    # looks at what was answered; let cron call it\n"
        "workbench backlog                    # what somebody has to look at"
    )
    followed = (
        "A server that runs follows the registry: after a promotion or a rollback it answers by the new "
        "champion within seconds, and nothing is to be started again. /health says which version answers."
    )
    return Section("Start, stop, follow", (Code(typed), Text(followed)))


def _ask(facts: RunbookFacts) -> str:
    """How curl is to call the server, with a key by its name where one is needed."""
    config = facts.project.config.serving
    key = next((each.key.removeprefix("secret:") for each in config.keys.values()), "")
    words = ["curl"]
    if key:
        words.append(f'-H "Authorization: Bearer ${key}"')
    if config.tls is not None:
        words.append(f"--cacert {quote(config.tls.certificate)}")
    return " ".join(words)


def rolling_back(facts: RunbookFacts) -> Section:
    """The one command, where it leads, and whether that was seen to work."""
    if facts.way_back is None:
        why = (
            f"Nobody was champion before v{facts.champion}" if facts.champion else "There is no champion yet"
        )
        stop = "What helps is to stop the server, or to promote another version that passed its gates:"
        typed = Code('workbench models\nworkbench promote VERSION --reason "…"')
        return Section(
            "How to roll back", (Text(f"{why}, so there is no way back.", remark=True), Text(stop), typed)
        )
    back = facts.way_back
    if back.answered is None:
        checked = Text(f"It would be refused now: {back.why}", remark=True)
    else:
        checked = Text(
            f"Checked {moment(facts.at)}: v{back.version} loads, and answers its {back.answered} recorded "
            "cases as recorded. That is checked again before anything moves."
        )
    earlier = sorted(
        {entry.to_version for entry in facts.ledger if entry.alias == "champion" and entry.to_version}
    )
    others = [f"v{number}" for number in earlier if number not in (back.version, facts.champion)]
    commands = (
        "workbench rollback --dry-run         # whether it would go through, now\n"
        'workbench rollback --reason "…"'
    )
    steps = [
        ("it leads to", f"v{back.version}, who was champion before" + _others(others)),
        ("it needs", "nobody's approval; the reason stands in the ledger"),
        ("it takes", "seconds: a server that runs follows by itself"),
        ("afterwards", "GET /health names the version; workbench ledger says who, when and why"),
    ]
    return Section("How to roll back", (Code(commands), checked, Bullets(tuple(steps))))


def _others(others: list[str]) -> str:
    return f"; --to NUMBER leads to {', '.join(others)}" if others else ""
