"""What the checks said, in one shape for every output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from netbox_hedgehog.manifests import Finding, Problem, Severity
from netbox_hedgehog.manifests.problem import printable
from netbox_hedgehog.observability.redaction import redact


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One thing that is wrong; ``line`` counts from 1, ``field`` is empty for a document or file as a whole."""

    path: str
    line: int
    severity: Severity
    code: str
    field: str
    message: str

    @property
    def text(self) -> str:
        """Field and message."""
        return f"{self.field}: {self.message}" if self.field else self.message


@dataclass(frozen=True, slots=True)
class Report:
    """The diagnostics in the order of files and lines, and what was looked at."""

    diagnostics: tuple[Diagnostic, ...]
    files: tuple[str, ...]
    resources: int

    def count(self, severity: Severity) -> int:
        """How many diagnostics are of this severity."""
        return sum(each.severity is severity for each in self.diagnostics)

    def has(self, least: Severity) -> bool:
        """Whether any is at least this bad."""
        return any(is_at_least(each.severity, least) for each in self.diagnostics)

    @property
    def summary(self) -> str:
        """One sentence for people."""
        errors, warnings = self.count(Severity.ERROR), self.count(Severity.WARNING)
        return (
            f"{_number(errors, 'error')} and {_number(warnings, 'warning')} "
            f"in {_number(len(self.files), 'file')} with {_number(self.resources, 'resource')}."
        )


def is_at_least(severity: Severity, least: Severity) -> bool:
    """An error is worse than a warning."""
    return severity is Severity.ERROR or least is Severity.WARNING


def of_problem(problem: Problem, severity: Severity = Severity.ERROR, code: str = "") -> Diagnostic:
    """A problem, under its own code unless another is given."""
    return _shown(
        Diagnostic(problem.path, problem.line, severity, code or problem.code, problem.field, problem.message)
    )


def of_finding(finding: Finding) -> Diagnostic:
    """A finding, at its place."""
    return _shown(
        Diagnostic(finding.path, finding.line, finding.severity, finding.code, finding.field, finding.message)
    )


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by place, each once."""
    return tuple(sorted(set(diagnostics)))


def _shown(each: Diagnostic) -> Diagnostic:
    """Without secrets, line breaks and terminal escapes."""
    return replace(
        each, path=printable(each.path), field=printable(each.field), message=printable(redact(each.message))
    )


def _number(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
