"""The one family of errors. Every error names a place in the user's source and one remedy.

An error has a stable ``code`` (also the anchor of its page in ``docs/errors.md``), the user's
``location`` where one is known, what was seen (``message``) and what to do (``remedy``).
"""

from __future__ import annotations

import linecache

from dy2st.records import record


@record(frozen=True)
class Location:
    """A place in the user's source: file, 1-based line, 0-based columns, enclosing function."""

    file: str
    line: int
    column: int = 0
    end_column: int | None = None
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column + 1}"

    def excerpt(self) -> str:
        """The source line with a caret below it; empty where the file cannot be read."""
        text = linecache.getline(self.file, self.line).rstrip("\n")
        if not text.strip():
            return ""
        stripped = text.lstrip()
        lead = len(text) - len(stripped)
        start = max(self.column - lead, 0)
        width = max((self.end_column or self.column + 1) - self.column, 1)
        width = min(width, max(len(stripped) - start, 1))
        return f"    {stripped}\n    {' ' * start}{'^' * width}"


class Dy2stError(Exception):
    """Base of all errors that dy2st raises on purpose."""

    code = "DY000"

    def __init__(
        self, message: str, *, location: Location | None = None, remedy: str | None = None
    ) -> None:
        self.message = message
        self.location = location
        self.remedy = remedy
        super().__init__(message)

    def at(self, location: Location | None) -> Dy2stError:
        """The same error, with ``location`` where it had none."""
        if self.location is None:
            self.location = location
        return self

    def __str__(self) -> str:
        parts = [f"[{self.code}] {self.message}"]
        if self.location is not None:
            where = f" in {self.location.function}" if self.location.function else ""
            parts.append(f"  at {self.location}{where}")
            excerpt = self.location.excerpt()
            if excerpt:
                parts.append(excerpt)
        if self.remedy:
            parts.append(f"  remedy: {self.remedy}")
        return "\n".join(parts)


class DeclarationError(Dy2stError):
    """An operation, a rule or a pass of ours is declared wrongly; raised at import."""

    code = "DY001"


class InternalError(Dy2stError):
    """A bug in dy2st; the message names the file that was dumped."""

    code = "DY002"


class VerifyError(InternalError):
    """A Program breaks an invariant of the IR."""

    code = "DY003"


class ParseError(Dy2stError):
    """The text of a Program could not be read."""

    code = "DY004"


class ConversionError(Dy2stError, SyntaxError):
    """The user's source holds something that cannot be converted (yet).

    As a ``SyntaxError`` it is printed by Python itself from these fields: file, line, source, caret.
    """

    code = "DY100"

    def __init__(
        self, message: str, *, location: Location | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(message, location=location, remedy=remedy)
        remedy = f"\n  remedy: {self.remedy}" if self.remedy else ""
        self.msg = f"[{self.code}] {self.message}{remedy}"
        self._show(location)

    def at(self, location: Location | None) -> Dy2stError:
        """The same error, with ``location`` where it had none."""
        if self.location is None:
            self._show(location)
        return super().at(location)

    def _show(self, location: Location | None) -> None:
        if location is None or location.line < 1:
            return
        self.filename, self.lineno = location.file, location.line
        self.text = linecache.getline(location.file, location.line) or None
        self.offset = location.column + 1
        self.end_lineno = location.line
        self.end_offset = (location.end_column or location.column + 1) + 1


class UnsupportedFeatureError(ConversionError):
    """A Python feature that has no transformer yet; never converted to something else."""

    code = "DY101"


class SourceNotFoundError(ConversionError):
    """The source text of a function cannot be found."""

    code = "DY102"


class CaptureError(Dy2stError):
    """Running the converted function with symbolic tensors failed."""

    code = "DY200"


class BranchMismatchError(CaptureError):
    """Two branches, or two rounds of a loop, leave a place with values that cannot be merged."""

    code = "DY201"


class ConcreteValueError(CaptureError):
    """Python needs the value of a tensor that is known only at run time."""

    code = "DY202"


class SideEffectError(CaptureError):
    """Code that is not converted changed something under a tensor condition."""

    code = "DY203"


class GuardError(CaptureError):
    """A Python value that the Program depends on can be neither guarded nor frozen."""

    code = "DY204"


class ShapeError(CaptureError, ValueError):
    """Operands whose shapes or dtypes an operation cannot take."""

    code = "DY206"


class BreakpointError(CaptureError):
    """A function stops in a debugger, so the whole call has to run with real values."""

    code = "DY207"


class OperandError(CaptureError, TypeError):
    """Operands whose dtypes eager refuses too."""

    code = "DY208"


class InputError(Dy2stError, ValueError):
    """Arguments that do not fit the InputSpec: number, rank, dtype, device."""

    code = "DY300"


class ExecutionError(Dy2stError, RuntimeError):
    """An operation failed while a Program ran."""

    code = "DY400"


class IndexOutOfRangeError(ExecutionError, IndexError):
    """An index that lies outside the tensor."""

    code = "DY401"


class DivisionByZeroError(ExecutionError, ZeroDivisionError):
    """An integer division by zero."""

    code = "DY402"


class AssertionFailedError(ExecutionError, AssertionError):
    """An ``assert`` over tensors failed."""

    code = "DY404"


class PlanError(ExecutionError):
    """A Program could not be planned for a device."""

    code = "DY403"


class MigrateError(Dy2stError):
    """``paddle-migrate`` cannot do what was asked."""

    code = "PM000"


class SourceReadError(MigrateError):
    """A file that cannot be read, decoded, parsed or written back; it is left as it was."""

    code = "PM300"

    def __init__(self, message: str, *, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class MigrateUsageError(MigrateError):
    """The command line or the configuration asks for something that does not exist."""

    code = "PM064"
